"""Pitfalls 37 to 46 of Istio's meaning: how a destination is reached.

45, that limits are of one Envoy and not of the mesh, is how Envoy counts: nothing that
is emitted could say otherwise. That the numbers are passed on as written is shown.
"""

from __future__ import annotations

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import (
    HttpProtocolOptions,
)

from meltemi.testkit.small_mesh import cluster, service, sidecar, the

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
MUTUAL = "tlsMode-istio"
PLACED = (
    "resolution: STATIC, endpoints: [{address: 10.0.1.1, locality: west/a}, "
    "{address: 10.0.1.2, locality: east/a}]"
)


def rule(
    policy: str, *, host: str = "a", more: str = "", namespace: str = "default"
) -> str:
    spec = f"host: '{host}', trafficPolicy: {{{policy}}}, {more}"
    return the("DestinationRule", "rule", spec, namespace)


def reached(*texts: str, subset: str = "", more: str = "") -> Cluster:
    """Return the cluster of ``a``, a service with one endpoint in the mesh."""
    mesh = service("a", more=more) if more else service("a")
    return cluster(sidecar(mesh + "".join(texts)), "a", subset=subset)


def automatic(made: Cluster) -> bool:
    """Tell whether mutual TLS is used with the endpoints that have it."""
    return MUTUAL in [each.name for each in made.transport_socket_matches]


def http(made: Cluster) -> HttpProtocolOptions:
    found = HttpProtocolOptions()
    made.typed_extension_protocol_options[HTTP_OPTIONS].Unpack(found)
    return found


def test_37_what_is_said_of_a_port_inherits_nothing() -> None:
    of_port = "portLevelSettings: [{port: {number: 80}, connectionPool: {tcp: {maxConnections: 3}}}]"
    made = reached(rule(f"loadBalancer: {{simple: RANDOM}}, {of_port}"))
    assert made.lb_policy == Cluster.LEAST_REQUEST, "Istio's default again"
    assert made.circuit_breakers.thresholds[0].max_connections.value == 3


def test_38_a_subset_takes_the_blocks_it_does_not_have_from_the_rule() -> None:
    subset = "subsets: [{name: v1, trafficPolicy: {tls: {mode: SIMPLE}}}]"
    made = reached(
        rule("connectionPool: {tcp: {maxConnections: 3}}", more=subset), subset="v1"
    )
    assert made.circuit_breakers.thresholds[0].max_connections.value == 3
    assert made.HasField("transport_socket")


def test_39_a_rule_of_the_root_namespace_gives_way_to_any_other_even_an_empty_one() -> (
    None
):
    everywhere = rule(
        "loadBalancer: {simple: RANDOM}", host="*.local", namespace="istio-system"
    )
    assert reached(everywhere).lb_policy == Cluster.RANDOM
    for namespace in ("default", "shop"):
        own = the(
            "DestinationRule", "own", "host: a.default.svc.cluster.local", namespace
        )
        held = sidecar(service("a") + everywhere + own, namespace="shop")
        assert cluster(held, "a").lb_policy == Cluster.LEAST_REQUEST, namespace


def test_40_only_a_rule_with_tls_of_its_own_turns_mutual_tls_off() -> None:
    subsets = the(
        "DestinationRule", "rule", "host: a, subsets: [{name: v1, labels: {v: '1'}}]"
    )
    assert automatic(reached())
    for subset in ("", "v1"):
        assert automatic(reached(subsets, subset=subset))
    simple = reached(rule("tls: {mode: SIMPLE}"))
    assert not automatic(simple)
    assert simple.transport_socket.name == "envoy.transport_sockets.tls"


def test_41_a_wildcard_with_istio_mutual_leaves_endpoints_no_way_back() -> None:
    made = reached(
        rule("tls: {mode: ISTIO_MUTUAL}", host="*.local", namespace="istio-system")
    )
    assert made.HasField("transport_socket")
    assert not made.transport_socket_matches, "plain text is no choice"


def test_42_without_endpoints_of_ours_mutual_tls_is_all_or_nothing() -> None:
    passing = rule("loadBalancer: {simple: PASSTHROUGH}")
    one = "{address: 10.0.1.1, labels: {security.istio.io/tlsMode: istio}}"
    other = "{address: 10.0.1.2, labels: {security.istio.io/tlsMode: disabled}}"
    both = reached(passing, more=f"resolution: STATIC, endpoints: [{one}, {other}]")
    assert both.lb_policy == Cluster.CLUSTER_PROVIDED
    assert both.type == Cluster.ORIGINAL_DST
    assert not both.HasField("transport_socket")
    assert not both.transport_socket_matches
    all_of_them = reached(passing, more=f"resolution: STATIC, endpoints: [{one}]")
    assert all_of_them.HasField("transport_socket")
    assert not all_of_them.transport_socket_matches


def test_43_failover_begins_with_outlier_detection() -> None:
    mesh = service("a", more=PLACED)
    near = {"topology.kubernetes.io/region": "west", "topology.kubernetes.io/zone": "a"}

    def priorities(text: str) -> list[int]:
        held = sidecar(mesh + text, labels=near)
        name = "outbound|80||a.default.svc.cluster.local"
        return sorted(each.priority for each in held.assignments[name].endpoints)

    assert priorities("") == [0, 0]
    assert priorities(rule("loadBalancer: {simple: RANDOM}")) == [0, 0]
    assert priorities(rule("outlierDetection: {consecutive5xxErrors: 5}")) == [0, 1]


def test_44_ejection_never_panics_and_zero_turns_a_detector_off() -> None:
    made = reached(rule("outlierDetection: {consecutive5xxErrors: 0}"))
    assert made.common_lb_config.HasField("healthy_panic_threshold")
    assert made.common_lb_config.healthy_panic_threshold.value == 0
    assert made.outlier_detection.enforcing_consecutive_5xx.value == 0
    assert made.outlier_detection.HasField("enforcing_consecutive_5xx")
    assert made.outlier_detection.HasField("enforcing_success_rate")
    assert made.outlier_detection.enforcing_success_rate.value == 0
    least = reached(rule("outlierDetection: {minHealthPercent: 30}"))
    assert least.common_lb_config.healthy_panic_threshold.value == 30


def test_45_limits_are_passed_on_undivided() -> None:
    pool = "connectionPool: {tcp: {maxConnections: 7}, http: {http2MaxRequests: 9}}"
    for endpoints in ("", ", {address: 10.0.1.2}, {address: 10.0.1.3}"):
        more = f"resolution: STATIC, endpoints: [{{address: 10.0.1.1}}{endpoints}]"
        (limits,) = reached(rule(pool), more=more).circuit_breakers.thresholds
        assert limits.max_connections.value == 7
        assert limits.max_requests.value == 9


def test_46_http_2_must_be_asked_for() -> None:
    plain = reached()
    assert HTTP_OPTIONS not in plain.typed_extension_protocol_options or not (
        http(plain).explicit_http_config.HasField("http2_protocol_options")
    )
    asked = http(reached(rule("connectionPool: {http: {h2UpgradePolicy: UPGRADE}}")))
    assert asked.explicit_http_config.HasField("http2_protocol_options")
    same = http(reached(rule("connectionPool: {http: {useClientProtocol: true}}")))
    assert same.HasField("use_downstream_protocol_config")
