from __future__ import annotations

from meltemi.pilot import ir
from meltemi.pilot.translate.explicit.outbound import Served, outbound
from meltemi.testkit.mesh import sidecar_scope

MESH = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews}
    spec:
      hosts: [reviews.default.svc.cluster.local]
      resolution: DNS
      ports: [{number: 9080, name: http, protocol: HTTP}]
    ---
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: mysql}
    spec:
      hosts: [mysql.default.svc.cluster.local]
      resolution: DNS
      ports: [{number: 3306, name: tcp, protocol: TCP}]
    """
HTTP = "reviews.default.svc.cluster.local:9080"
TCP = "mysql.default.svc.cluster.local:3306"


def served(text: str, **explicit: object) -> list[Served]:
    return list(outbound(sidecar_scope(text, explicit=explicit)))


def test_a_service_is_reached_through_the_port_it_was_given() -> None:
    (made,) = served(MESH, outbound={HTTP: "127.0.0.1:21003"})
    assert made.listener.name == "127.0.0.1_21003"
    assert (made.listener.address, made.listener.port) == ("127.0.0.1", 21003)
    (table,) = made.tables
    assert table.name == HTTP
    (host,) = table.hosts
    assert host.domains == ("*",), "the port alone says which service is meant"
    (route,) = host.routes
    assert route.name == "default"


def test_a_service_that_is_not_there_gets_no_listener() -> None:
    assert served(MESH, outbound={"ghost:80": "127.0.0.1:21003"}) == []


def test_byte_streams_go_to_the_service_or_where_a_tcp_route_says() -> None:
    (made,) = served(MESH, outbound={TCP: "127.0.0.1:21004"})
    (chain,) = made.listener.chains
    assert isinstance(chain.filter, ir.TcpFilter)
    assert [each.cluster for each in chain.filter.targets] == [
        "outbound|3306||mysql.default.svc.cluster.local"
    ]
    split = """
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: mysql}
    spec:
      hosts: [mysql]
      tcp:
      - match: [{port: 1}]
        route: [{destination: {host: elsewhere}}]
      - route:
        - {destination: {host: mysql, subset: a}, weight: 1}
        - {destination: {host: mysql, subset: b}, weight: 3}
    """
    (made,) = served(MESH + split, outbound={TCP: "127.0.0.1:21004"})
    (chain,) = made.listener.chains
    assert isinstance(chain.filter, ir.TcpFilter)
    assert chain.filter.targets == (
        ir.Target("outbound|3306|a|mysql.default.svc.cluster.local", 1),
        ir.Target("outbound|3306|b|mysql.default.svc.cluster.local", 3),
    )


def test_a_virtual_service_for_a_gateway_only_does_not_concern_sidecars() -> None:
    edge = """
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: reviews}
    spec:
      hosts: ["*"]
      gateways: [edge]
      http: [{directResponse: {status: 503}}]
    """
    (made,) = served(MESH + edge, outbound={HTTP: "127.0.0.1:21003"})
    assert made.tables[0].hosts[0].routes[0].name == "default"


def test_an_http_proxy_knows_every_http_service_by_all_its_names() -> None:
    (made,) = served(MESH, http_proxy="127.0.0.1:21009")
    (table,) = made.tables
    assert table.name == "http_proxy"
    (host,) = table.hosts
    assert "reviews:9080" in host.domains
    assert HTTP in host.domains


def test_a_service_without_rules_of_its_own_is_hashed_as_its_callers_elsewhere() -> (
    None
):
    hashed = """
    ---
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: reviews}
    spec:
      host: reviews
      trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: reviews}
    spec:
      hosts: [reviews]
      http: [{match: [{port: 1}], directResponse: {status: 404}}]
    """
    (made,) = served(MESH + hashed, outbound={HTTP: "127.0.0.1:21003"})
    (route,) = made.tables[0].hosts[0].routes
    assert isinstance(route.action, ir.Forward), "the rule is about another port"
    assert route.action.hash == (ir.HashPolicy(ir.HashOn.HEADER, "x-user"),)
