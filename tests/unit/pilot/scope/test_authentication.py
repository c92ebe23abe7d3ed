from __future__ import annotations

from meltemi.config.schema.peer_authentication import MutualTLSMode
from meltemi.pilot.scope.authentication import mutual_tls
from meltemi.testkit.mesh import indexed


def policy(name: str, namespace: str, mode: str, extra: str = "") -> str:
    return f"""
    ---
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {{name: {name}, namespace: {namespace}}}
    spec: {{mtls: {{mode: {mode}}}{extra}}}
    """


def mode(text: str, *, namespace: str = "default", port: int = 9080) -> MutualTLSMode:
    return mutual_tls(
        indexed(text).peer_authentications,
        root_namespace="istio-system",
        namespace=namespace,
        labels={"app": "reviews"},
        port=port,
    )


MESH = policy("default", "istio-system", "STRICT")
SELECTING = ", selector: {matchLabels: {app: reviews}}"


def test_without_a_policy_both_are_taken() -> None:
    assert mode("") is MutualTLSMode.PERMISSIVE


def test_a_policy_of_the_root_namespace_is_for_the_mesh() -> None:
    assert mode(MESH) is MutualTLSMode.STRICT


def test_a_namespace_overrules_the_mesh_and_a_workload_its_namespace() -> None:
    namespace = MESH + policy("default", "default", "DISABLE")
    assert mode(namespace) is MutualTLSMode.DISABLE
    assert mode(namespace, namespace="other") is MutualTLSMode.STRICT
    workload = namespace + policy("w", "default", "PERMISSIVE", SELECTING)
    assert mode(workload) is MutualTLSMode.PERMISSIVE


def test_unset_inherits() -> None:
    assert mode(MESH + policy("default", "default", "UNSET")) is MutualTLSMode.STRICT


def test_a_port_of_a_selected_workload_has_its_own_mode() -> None:
    ports = ", portLevelMtls: {'8080': {mode: DISABLE}}"
    text = MESH + policy("w", "default", "STRICT", SELECTING + ports)
    assert mode(text, port=8080) is MutualTLSMode.DISABLE
    assert mode(text, port=9080) is MutualTLSMode.STRICT


def test_case_54_the_oldest_policy_of_a_scope_wins() -> None:
    text = MESH + policy("another", "istio-system", "DISABLE")
    assert mode(text) is MutualTLSMode.STRICT
