from __future__ import annotations

from meltemi.pilot import ir
from meltemi.pilot.translate.explicit.inbound import inbound
from meltemi.testkit.mesh import sidecar_scope

EXPLICIT = {
    "inbound": "127.0.0.1:21100",
    "apps": {"9080": "127.0.0.1:21200", "9090": "127.0.0.1:21201"},
}


def service(name: str, ports: str) -> str:
    return f"""
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {{name: {name}}}
    spec:
      hosts: [{name}.default.svc.cluster.local]
      location: MESH_INTERNAL
      resolution: STATIC
      ports: [{ports}]
      workloadSelector: {{labels: {{app: reviews}}}}
    """


def mode(word: str) -> str:
    return f"""
    ---
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {{name: default, namespace: istio-system}}
    spec: {{mtls: {{mode: {word}}}}}
    """


HTTP = "{number: 9080, name: http, protocol: HTTP}"
TCP = "{number: 9090, name: tcp, protocol: TCP}"
ONE = service("reviews", HTTP)
TWO = service("reviews", f"{HTTP}, {TCP}")


def listener(text: str) -> ir.Listener:
    made = inbound(sidecar_scope(text, labels={"app": "reviews"}, explicit=EXPLICIT))
    assert made is not None
    return made


def transports(made: ir.Listener) -> list[str]:
    return [chain.match.transport for chain in made.chains]


def test_a_workload_without_services_is_not_reached() -> None:
    assert inbound(sidecar_scope(ONE, labels={"app": "x"}, explicit=EXPLICIT)) is None


def test_strict_takes_mutual_tls_only() -> None:
    made = listener(ONE + mode("STRICT"))
    assert transports(made) == ["tls"]
    (chain,) = made.chains
    assert isinstance(chain.tls, ir.MeshServer)
    assert chain.tls.identity_prefixes == ("spiffe://cluster.local/",)
    assert chain.tls.alpn == ("h2", "http/1.1")


def test_permissive_takes_plain_text_too_and_disable_nothing_else() -> None:
    assert transports(listener(ONE + mode("PERMISSIVE"))) == ["tls", "raw_buffer"]
    assert transports(listener(ONE + mode("DISABLE"))) == ["raw_buffer"]


def test_callers_are_told_apart_by_the_server_name_they_ask_for() -> None:
    http, tcp = listener(TWO + mode("STRICT")).chains
    assert http.match.server_names == (
        "outbound_.9080_._.reviews.default.svc.cluster.local",
    )
    assert isinstance(tcp.filter, ir.TcpFilter)
    assert tcp.filter.targets == (ir.Target("inbound|9090||", 1),)


def test_a_single_port_is_reached_by_subsets_it_has_not_heard_of() -> None:
    (chain,) = listener(ONE + mode("STRICT")).chains
    assert chain.match.server_names == ("*.reviews.default.svc.cluster.local",)


def test_of_several_ports_each_known_subset_is_named() -> None:
    rule = """
    ---
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: reviews}
    spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}
    """
    http, _ = listener(TWO + mode("STRICT") + rule).chains
    assert http.match.server_names == (
        "outbound_.9080_._.reviews.default.svc.cluster.local",
        "outbound_.9080_.v1_.reviews.default.svc.cluster.local",
    )


def test_plain_http_to_several_ports_is_told_apart_by_host() -> None:
    *_, plain = listener(TWO).chains
    assert isinstance(plain.filter, ir.HttpFilter)
    assert isinstance(plain.filter.routes, ir.RouteTable)
    (host,) = plain.filter.routes.hosts
    assert host.domains == ("reviews.default.svc.cluster.local:9080",)


def test_the_application_is_told_who_called() -> None:
    (chain,) = listener(ONE + mode("STRICT")).chains
    assert isinstance(chain.filter, ir.HttpFilter)
    assert chain.filter.client_certificate is ir.ClientCertificate.APPEND


def test_a_service_of_two_addresses_is_one_name() -> None:
    text = TWO.replace("location:", "addresses: [10.0.0.1, 10.0.0.2]\n      location:")
    scope = sidecar_scope(
        text + mode("PERMISSIVE"), labels={"app": "reviews"}, explicit=EXPLICIT
    )
    made = inbound(scope)
    assert made
    for chain in made.chains:
        names = chain.match.server_names
        assert len(set(names)) == len(names)


def test_a_wildcard_host_is_told_apart_where_its_port_is_the_only_one() -> None:
    alone = ONE.replace("reviews.default.svc.cluster.local", '"*.example.com"')
    made = inbound(sidecar_scope(alone, labels={"app": "reviews"}, explicit=EXPLICIT))
    assert made
    assert made.chains[0].match.server_names == ("*.example.com",)
    several = TWO.replace("reviews.default.svc.cluster.local", '"*.example.com"')
    made = inbound(sidecar_scope(several, labels={"app": "reviews"}, explicit=EXPLICIT))
    assert made
    assert not any(chain.match.server_names for chain in made.chains)
