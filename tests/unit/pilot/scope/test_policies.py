from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.authorization_policy import AuthorizationPolicy
from meltemi.pilot.scope.policies import GATEWAY_LABEL, policies
from meltemi.testkit.mesh import mesh

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = {"app": "web"}
TARGET = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]"


def policy(name: str, namespace: str = "shop", spec: str = "") -> str:
    return f"""
    ---
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {{name: {name}, namespace: {namespace}}}
    spec: {{{spec}}}
    """


def chosen(
    *texts: str, labels: Mapping[str, str] = APP, namespace: str = "shop"
) -> list[str]:
    found = policies(
        mesh("".join(texts)).of(AuthorizationPolicy),
        root_namespace="istio-system",
        namespace=namespace,
        labels=labels,
    )
    return [each.metadata.name for each in found]


def selecting(app: str) -> str:
    return f"selector: {{matchLabels: {{app: {app}}}}}"


def test_policies_of_the_root_come_before_those_of_the_namespace() -> None:
    assert chosen(policy("own"), policy("root", "istio-system")) == ["root", "own"]


def test_other_namespaces_policies_do_not_hold() -> None:
    assert chosen(policy("other", "bank")) == []


def test_older_policies_come_first() -> None:
    assert chosen(policy("b"), policy("a")) == ["b", "a"]


def test_a_selector_must_match_in_the_root_too() -> None:
    assert chosen(policy("own", spec=selecting("web"))) == ["own"]
    assert chosen(policy("own", spec=selecting("db"))) == []
    assert chosen(policy("root", "istio-system", selecting("web"))) == ["root"]
    assert chosen(policy("root", "istio-system", selecting("db"))) == []


def test_a_workload_in_the_root_namespace_has_its_policies_once() -> None:
    root = policy("root", "istio-system")
    assert chosen(root, namespace="istio-system") == ["root"]


def test_what_is_attached_to_a_gateway_holds_for_its_proxies_only() -> None:
    attached = policy("attached", spec=TARGET)
    edge = {GATEWAY_LABEL: "edge"}
    assert chosen(attached, labels=edge) == ["attached"]
    assert chosen(attached, labels={GATEWAY_LABEL: "other"}) == []
    assert chosen(attached) == []
    assert chosen(attached, labels=edge, namespace="bank") == []
    single = policy("single", spec=TARGET.replace("Refs: [", "Ref: ").replace("]", ""))
    assert chosen(single, labels=edge) == ["single"]


def test_a_selector_reaches_the_proxies_of_a_kubernetes_gateway_too() -> None:
    edge = {GATEWAY_LABEL: "edge", "app": "web"}
    assert chosen(policy("own", spec=selecting("web")), labels=edge) == ["own"]
    assert chosen(policy("own", spec=selecting("db")), labels=edge) == []
