from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.translate.cluster import clusters
from meltemi.testkit.mesh import sidecar_scope

if TYPE_CHECKING:
    from meltemi.pilot.translate.cluster.service import Reached

REVIEWS = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews}
    spec:
      hosts: [reviews.default.svc.cluster.local]
      location: MESH_INTERNAL
      resolution: STATIC
      ports: [{number: 9080, name: http, protocol: HTTP}]
      endpoints:
      - {address: 10.0.0.1, labels: {version: v1}, serviceAccount: one}
      - {address: 10.0.0.2, labels: {version: v2}, serviceAccount: two}
    """
HOST = "reviews.default.svc.cluster.local"


def rule(spec: str) -> str:
    return f"""
    ---
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {{name: reviews}}
    spec: {{host: reviews, {spec}}}
    """


def made(text: str) -> dict[str, Reached]:
    return {each.cluster.name: each for each in clusters.outbound(sidecar_scope(text))}


def whole(spec: str) -> ir.Cluster:
    return made(REVIEWS + rule(spec))[f"outbound|9080||{HOST}"].cluster


def test_a_service_is_one_cluster_a_port_and_one_a_subset() -> None:
    found = made(REVIEWS + rule("subsets: [{name: v1, labels: {version: v1}}]"))
    assert list(found) == [f"outbound|9080||{HOST}", f"outbound|9080|v1|{HOST}"]
    subset = found[f"outbound|9080|v1|{HOST}"]
    assert subset.assignment is not None
    (place,) = subset.assignment.localities
    assert [each.address for each in place.endpoints] == ["10.0.0.1"]


def test_limits_are_off_unless_given() -> None:
    (reached,) = made(REVIEWS).values()
    assert reached.cluster.limits == ir.Limits()
    assert reached.cluster.connect_timeout == 10 * ir.SECOND
    pool = """trafficPolicy: {connectionPool: {tcp: {maxConnections: 7,
        connectTimeout: 1s}, http: {http1MaxPendingRequests: 3, maxRetries: 9}}}"""
    cluster = whole(pool)
    assert cluster.limits == ir.Limits(7, 3, ir.UNLIMITED, 9)
    assert cluster.connect_timeout == ir.SECOND


def test_services_of_the_mesh_are_called_with_mutual_tls_where_they_speak_it() -> None:
    (reached,) = made(REVIEWS).values()
    client = reached.cluster.client
    assert isinstance(client, ir.AutoClient)
    assert isinstance(client.mesh, ir.MeshClient)
    assert client.mesh.sni == f"outbound_.9080_._.{HOST}"
    assert client.mesh.identities == (
        "spiffe://cluster.local/ns/default/sa/one",
        "spiffe://cluster.local/ns/default/sa/two",
    )
    assert reached.assignment is not None
    assert all(each.tls for each in reached.assignment.localities[0].endpoints)


def test_a_subset_trusts_every_identity_of_its_service_as_in_istio() -> None:
    found = made(REVIEWS + rule("subsets: [{name: v2, labels: {version: v2}}]"))
    client = found[f"outbound|9080|v2|{HOST}"].cluster.client
    assert isinstance(client, ir.AutoClient)
    assert isinstance(client.mesh, ir.MeshClient)
    assert client.mesh.identities == (
        "spiffe://cluster.local/ns/default/sa/one",
        "spiffe://cluster.local/ns/default/sa/two",
    )


def test_endpoints_whose_policy_disables_mutual_tls_are_called_without() -> None:
    policy = """
    ---
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: default}
    spec: {mtls: {mode: DISABLE}}
    """
    (reached,) = made(REVIEWS + policy).values()
    assert reached.assignment is not None
    assert not any(each.tls for each in reached.assignment.localities[0].endpoints)


def test_services_outside_are_called_as_they_are() -> None:
    (reached,) = made(REVIEWS.replace("MESH_INTERNAL", "MESH_EXTERNAL")).values()
    assert reached.cluster.client == ir.PlainClient()


def test_a_rule_decides_on_tls() -> None:
    assert whole("trafficPolicy: {tls: {mode: DISABLE}}").client == ir.PlainClient()
    assert whole("trafficPolicy: {tls: {}}").client == ir.PlainClient()
    assert isinstance(
        whole("trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}").client, ir.MeshClient
    )
    assert whole(
        "trafficPolicy: {tls: {mode: SIMPLE, sni: a.com, subjectAltNames: [a.com]}}"
    ).client == ir.OriginateClient(
        sni="a.com", names=("a.com",), root=ir.Secret("file-root:system", wait=True)
    )


def test_load_balancers_are_the_rules() -> None:
    def balancer(spec: str) -> ir.LoadBalancer:
        return whole(f"trafficPolicy: {{loadBalancer: {{{spec}}}}}").load_balancer

    assert balancer("simple: ROUND_ROBIN").policy is ir.Balancing.ROUND_ROBIN
    assert balancer("simple: LEAST_CONN").policy is ir.Balancing.LEAST_REQUEST
    assert balancer(
        "consistentHash: {useSourceIp: true, maglev: {tableSize: 5}}"
    ) == ir.LoadBalancer(ir.Balancing.MAGLEV, table_size=5)
    assert balancer("consistentHash: {useSourceIp: true}") == ir.LoadBalancer(
        ir.Balancing.RING_HASH, table_size=1024
    )


def test_settings_of_a_port_replace_the_rest() -> None:
    cluster = whole(
        """trafficPolicy: {loadBalancer: {simple: RANDOM},
        connectionPool: {tcp: {maxConnections: 1}},
        portLevelSettings: [{port: {number: 9080}, loadBalancer: {simple: ROUND_ROBIN}}]}"""
    )
    assert cluster.load_balancer.policy is ir.Balancing.ROUND_ROBIN
    assert cluster.limits == ir.Limits()


def test_a_subsets_policy_replaces_block_by_block() -> None:
    found = made(
        REVIEWS
        + rule(
            """trafficPolicy: {loadBalancer: {simple: RANDOM},
            connectionPool: {tcp: {maxConnections: 1}}},
            subsets: [{name: v1, labels: {version: v1},
            trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}]"""
        )
    )
    subset = found[f"outbound|9080|v1|{HOST}"].cluster
    assert subset.load_balancer.policy is ir.Balancing.ROUND_ROBIN
    assert subset.limits == ir.Limits(connections=1)


def test_outliers_are_ejected_and_zero_turns_a_criterion_off() -> None:
    cluster = whole(
        """trafficPolicy: {outlierDetection: {consecutive5xxErrors: 0,
        consecutiveGatewayErrors: 3, interval: 5s, maxEjectionPercent: 50}}"""
    )
    assert cluster.outlier == ir.OutlierDetection(
        consecutive_5xx=0,
        consecutive_gateway_errors=3,
        interval=5 * ir.SECOND,
        max_ejection_percent=50,
    )
    assert cluster.panic_threshold == 0, "Istio's default, not Envoy's 50 %"


def test_a_cluster_names_the_rule_and_the_service_it_comes_from() -> None:
    assert whole("subsets: []").origins == (
        ir.Origin("ServiceEntry", "default", "reviews"),
        ir.Origin("DestinationRule", "default", "reviews", "spec"),
    )


def test_a_proxy_can_limit_what_waits_on_its_connections() -> None:
    mesh = """
    ---
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {name: default, namespace: istio-system}
    spec: {defaultConfig: {connectionSettings: {clusterPerConnectionBufferLimitBytes: 9}}}
    """
    (limited,) = made(REVIEWS + mesh).values()
    (usual,) = made(REVIEWS).values()
    assert (limited.cluster.buffer_limit, usual.cluster.buffer_limit) == (9, None)


def test_pings_need_an_interval_and_a_timeout() -> None:
    half = "trafficPolicy: {connectionPool: {http: {http2KeepAlive: {interval: 5s}}}}"
    http = whole(half).http
    assert http is None or http.keepalive_interval is None
    http = whole(half.replace("5s}", "5s, timeout: 2s}")).http
    assert http
    assert http.keepalive_interval == 5 * ir.SECOND
    assert http.keepalive_timeout == 2 * ir.SECOND


def test_a_name_that_is_looked_up_once_has_one_endpoint() -> None:
    found = clusters.outbound(
        sidecar_scope(
            """
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: api}
            spec:
              hosts: [api.example.com]
              location: MESH_EXTERNAL
              resolution: DNS_ROUND_ROBIN
              ports: [{number: 80, name: http, protocol: HTTP}]
              workloadSelector: {labels: {app: api}}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: one}
            spec: {address: one.example.com, labels: {app: api}}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: two}
            spec: {address: two.example.com, labels: {app: api}}
            """
        )
    )
    (members,) = [
        each.cluster.members
        for each in found
        if each.cluster.name == "outbound|80||api.example.com"
    ]
    assert members
    assert sum(len(each.endpoints) for each in members.localities) == 1
