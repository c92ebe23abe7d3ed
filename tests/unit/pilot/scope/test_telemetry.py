from __future__ import annotations

import pytest

from meltemi.pilot.scope.policies import GATEWAY_LABEL
from meltemi.pilot.scope.telemetry import telemetries
from meltemi.testkit.mesh import indexed

GATEWAY = "{group: gateway.networking.k8s.io, kind: Gateway, name: edge}"


def telemetry(name: str, namespace: str, extra: str = "") -> str:
    return f"""
    ---
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {{name: {name}, namespace: {namespace}}}
    spec: {{{extra}}}
    """


def app(name: str) -> str:
    return f"selector: {{matchLabels: {{app: {name}}}}}"


def names(text: str, namespace: str = "default", **labels: str) -> list[str]:
    found = telemetries(
        indexed(text).telemetries,
        root_namespace="istio-system",
        namespace=namespace,
        labels=labels,
    )
    return [each.metadata.name for each in found]


def test_the_mesh_comes_first_then_the_namespace_then_the_workload() -> None:
    text = (
        telemetry("own", "default", app("reviews"))
        + telemetry("other", "default", app("ratings"))
        + telemetry("elsewhere", "prod")
        + telemetry("home", "default")
        + telemetry("mesh", "istio-system")
    )
    assert names(text, app="reviews") == ["mesh", "home", "own"]


def test_the_oldest_holds_at_each_level() -> None:
    text = telemetry("old", "default") + telemetry("new", "default")
    assert names(text) == ["old"]


def test_a_selector_in_the_root_namespace_is_about_workloads_there() -> None:
    text = telemetry("root", "istio-system", app("reviews"))
    assert names(text, app="reviews") == []
    assert names(text, "istio-system", app="reviews") == ["root"]


@pytest.mark.parametrize("field", [f"targetRef: {GATEWAY}", f"targetRefs: [{GATEWAY}]"])
def test_a_target_is_a_gateway_of_that_name(field: str) -> None:
    text = telemetry("edge", "default", field)
    assert names(text, **{GATEWAY_LABEL: "edge"}) == ["edge"]
    assert names(text, **{GATEWAY_LABEL: "other"}) == []
    assert names(text) == []
