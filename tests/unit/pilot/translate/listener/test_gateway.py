from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.translate.listener.gateway import gateway
from meltemi.testkit.mesh import gateway_scope

if TYPE_CHECKING:
    from meltemi.pilot import ir

SERVICE = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: web}
    spec:
      hosts: [web.default.svc.cluster.local]
      resolution: DNS
      ports: [{number: 9080, name: http, protocol: HTTP}]
    """


def edge(hosts: str = "['*']", extra: str = "", name: str = "edge") -> str:
    return f"""
    ---
    apiVersion: networking.istio.io/v1
    kind: Gateway
    metadata: {{name: {name}}}
    spec:
      selector: {{istio: ingressgateway}}
      servers:
      - {{port: {{number: 80, name: http, protocol: HTTP}}, hosts: {hosts}{extra}}}
    """


def virtual(name: str, hosts: str, path: str = "", *, gateways: str = "[edge]") -> str:
    match = f"match: [{{uri: {{prefix: {path}}}}}], " if path else ""
    return f"""
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {{name: {name}}}
    spec:
      hosts: {hosts}
      gateways: {gateways}
      http: [{{name: {name}, {match}route: [{{destination: {{host: web}}}}]}}]
    """


def table(text: str) -> ir.RouteTable:
    (served,) = gateway(gateway_scope(SERVICE + text))
    (made,) = served.tables
    return made


def hosts(text: str) -> dict[str, list[str]]:
    return {
        host.domains[0]: [route.name for route in host.routes]
        for host in table(text).hosts
    }


def test_a_server_listens_where_the_gateway_was_told() -> None:
    scope = gateway_scope(
        SERVICE + edge(), explicit={"gateway": {"80": "127.0.0.1:18080"}}
    )
    (served,) = gateway(scope)
    assert served.listener.name == "127.0.0.1_18080"
    assert served.tables[0].name == "http.18080"


def test_a_gateway_for_other_proxies_is_not_served() -> None:
    scope = gateway_scope(SERVICE + edge(), labels={"istio": "egress"})
    assert list(gateway(scope)) == []


def test_without_a_virtual_service_everything_is_404() -> None:
    (host,) = table(edge()).hosts
    assert host.name == "blackhole:80"
    assert host.routes == (), "Envoy answers 404 where a host has no routes"


def test_hosts_are_those_of_server_and_virtual_service_together() -> None:
    text = edge("['*.example.com']") + virtual("a", "[a.example.com, other.org]")
    assert hosts(text) == {"a.example.com": ["a"]}
    assert hosts(edge("[a.com]") + virtual("v", "['*']")) == {"a.com": ["v"]}


def test_a_virtual_service_of_another_gateway_is_not_served() -> None:
    text = edge() + virtual("v", "['*']", gateways="[other]")
    assert hosts(text) == {"*": []}


def test_a_server_may_be_for_one_namespace_only() -> None:
    assert hosts(edge("[prod/a.com]") + virtual("v", "[a.com]")) == {"*": []}
    assert hosts(edge("[./a.com]") + virtual("v", "[a.com]")) == {"a.com": ["v"]}


def test_virtual_services_for_one_host_are_joined_catch_alls_last() -> None:
    text = edge() + virtual("all", "[a.com]") + virtual("some", "[a.com]", "/some")
    assert hosts(text) == {"a.com": ["some", "all"]}


def test_a_server_can_send_everyone_to_https() -> None:
    made = table(edge("[a.com]", ", tls: {httpsRedirect: true}"))
    (host,) = made.hosts
    assert host.require_tls
    assert host.domains == ("a.com",)
