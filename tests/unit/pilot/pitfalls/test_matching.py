"""Pitfalls 1 to 19 of Istio's meaning: which rule takes a call."""

from __future__ import annotations

import pytest

from meltemi.pilot.trace import Answer, Problem, Tls
from meltemi.testkit.small_mesh import (
    HTTP,
    TCP,
    ask,
    gateway,
    host,
    names,
    refused,
    service,
    sidecar,
    the,
    to,
)

SERVICES = service("a") + service("b")
EDGE = the(
    "Gateway",
    "edge",
    "selector: {istio: ingressgateway}, servers: [{hosts: ['*'], port: {number: 8080, name: http, protocol: HTTP}}]",
)
A, B = (f"outbound|80||{name}.default.svc.cluster.local" for name in "ab")


def rules(http: str, *, hosts: str = "a", name: str = "a", more: str = "") -> str:
    """Return a VirtualService; ``http`` is its list of rules."""
    return the("VirtualService", name, f"hosts: ['{hosts}'], {more} http: [{http}]")


def when(match: str, destination: str = "b", name: str = "taken") -> str:
    """Return a rule with a match."""
    return to(destination, f"name: {name}, match: [{match}]")


def taken(match: str, url: str = "a/", **asked: dict[str, str]) -> bool:
    """Tell whether a rule with that match takes a request, and not the next one."""
    held = sidecar(SERVICES + rules(f"{when(match)}, {to('a', 'name: other')}"))
    return ask(held, url, headers=asked.get("headers")).route == "taken"


def test_1_the_first_rule_that_matches_wins_and_not_the_most_specific() -> None:
    http = (
        f"{when('{uri: {prefix: /a}}')}, {when('{uri: {exact: /a/b}}', name='exact')}"
    )
    held = sidecar(SERVICES + rules(http))
    assert ask(held, "a/a/b").route == "taken"


def test_2_entries_are_alternatives_and_what_stands_in_one_is_all_needed() -> None:
    match = "{uri: {prefix: /x}, method: {exact: POST}}, {uri: {exact: /z}}"
    assert taken(match, "a/z")
    assert not taken(match, "a/x"), "half of the first entry"
    held = sidecar(SERVICES + rules(when(match)))
    assert [each.name for each in host(held, "80", "a").routes] == ["taken"] * 2


def test_3_what_follows_a_rule_that_takes_everything_is_never_made() -> None:
    http = f"{when('{uri: {exact: /x}}, {uri: {prefix: /}}, {uri: {exact: /z}}')}, {to('a', 'name: late')}"
    held = sidecar(SERVICES + rules(http))
    assert [each.name for each in host(held, "80", "a").routes] == ["taken"] * 2


def test_4_on_a_gateway_no_catch_all_hides_another_objects_rules() -> None:
    first = rules(to("a"), hosts="shop.com", more="gateways: [edge],")
    second = rules(
        when("{uri: {prefix: /api}}"),
        hosts="shop.com",
        name="api",
        more="gateways: [edge],",
    )
    held = gateway(SERVICES + EDGE + first + second)
    assert names(ask(held, "shop.com:8080/api")) == [B]
    assert names(ask(held, "shop.com:8080/")) == [A]


def test_5_on_a_sidecar_the_oldest_object_has_a_host_alone() -> None:
    first = rules(when("{uri: {prefix: /first}}"))
    second = rules(when("{uri: {prefix: /second}}"), name="younger")
    held = sidecar(SERVICES + first + second)
    assert names(ask(held, "a/first")) == [B]
    assert ask(held, "a/second").problem is Problem.NO_ROUTE


def test_6_a_prefix_is_one_of_letters_and_not_of_segments() -> None:
    assert taken("{uri: {prefix: /foo}}", "a/foobar")


def test_7_an_expression_matches_the_whole_of_a_path_without_its_query() -> None:
    assert taken("{uri: {regex: '/a+'}}", "a/aaa?b=c")
    assert not taken("{uri: {regex: '/a+'}}", "a/aaab")
    header = "{headers: {x-a: {regex: 'b+'}}}"
    assert taken(header, headers={"x-a": "bb"})
    assert not taken(header, headers={"x-a": "bbc"})
    assert "regex" in refused(rules(when("{uri: {regex: '(?!a)'}}")))


def test_8_an_empty_test_asks_for_presence_and_its_contrary_for_absence() -> None:
    assert taken("{headers: {x-a: {}}}", headers={"x-a": "any"})
    assert not taken("{headers: {x-a: {}}}")
    assert "'*'" in refused(rules(when("{headers: {x-a: {regex: '*'}}}"))), "not RE2"
    assert taken("{withoutHeaders: {x-a: {}}}")
    assert not taken("{withoutHeaders: {x-a: {}}}", headers={"x-a": "any"})
    valued = "{withoutHeaders: {x-a: {exact: '1'}}}"
    assert taken(valued), "a header that is missing has no such value"
    assert taken(valued, headers={"x-a": "2"})
    assert not taken(valued, headers={"x-a": "1"})


def test_9_a_port_to_match_is_the_one_called_and_not_the_destinations() -> None:
    target = "resolution: STATIC, endpoints: [{address: 10.0.1.1, ports: {http: 8080}}]"
    mesh = service("a", more=target) + service("b")
    for port, expected in ((80, B), (8080, A)):
        http = f"{when(f'{{port: {port}}}')}, {to('a')}"
        assert names(ask(sidecar(mesh + rules(http)), "a/")) == [expected]
    edge = rules(
        f"{when('{port: 8080}')}, {to('a')}", hosts="a.com", more="gateways: [edge],"
    )
    assert names(ask(gateway(SERVICES + EDGE + edge), "a.com:8080/")) == [B]


def test_10_a_gateway_in_a_match_turns_off_who_calls() -> None:
    for who in ("sourceLabels: {app: nobody}", "sourceNamespace: nowhere"):
        assert not taken(f"{{{who}}}")
        assert taken(f"{{gateways: [mesh], {who}}}")


def test_11_an_object_for_a_gateway_leaves_calls_within_the_mesh_alone() -> None:
    bound = rules(
        to("b"), hosts="a.default.svc.cluster.local", more="gateways: [edge],"
    )
    mesh = SERVICES + EDGE + bound
    assert names(ask(sidecar(mesh), "a/")) == [A]
    assert names(ask(gateway(mesh), "a.default.svc.cluster.local:8080/")) == [B]
    both = mesh.replace("gateways: [edge]", "gateways: [edge, mesh]")
    assert names(ask(sidecar(both), "a/")) == [B]


def test_12_hosts_have_no_case_and_no_port() -> None:
    held = sidecar(SERVICES + rules(to("b"), hosts="A.default.svc.cluster.local"))
    assert names(ask(held, "a/")) == [B]
    assert names(ask(held, "A.Default/")) == [B]
    assert names(ask(held, "a.default:80/")) == [B]


def test_13_a_wildcard_needs_a_label_and_the_longest_one_wins() -> None:
    mesh = (
        SERVICES
        + service("foo.com")
        + service("x.foo.com")
        + service("x.bar.foo.com")
        + rules(to("a"), hosts="*.foo.com", name="wide")
        + rules(to("b"), hosts="*.bar.foo.com", name="narrow")
    )
    held = sidecar(mesh)
    assert names(ask(held, "foo.com/")) == ["outbound|80||foo.com"]
    assert names(ask(held, "x.foo.com/")) == [A]
    assert names(ask(held, "x.bar.foo.com/")) == [B]
    assert refused(rules(to("a"), hosts="foo.*.com"))


def test_14_a_host_that_no_service_has_is_known_on_port_80_only() -> None:
    held = sidecar(
        SERVICES + service("c", "9080 http HTTP") + rules(to("b"), hosts="unknown.com")
    )
    assert names(ask(held, "unknown.com/")) == [B]
    assert names(ask(held, "unknown.com:9080/")) == ["PassthroughCluster"]


def test_15_an_object_holds_on_every_http_port_of_its_host() -> None:
    mesh = service("a", HTTP, "81 grpc GRPC", "82 tcp TCP") + service("b", HTTP)
    wide = sidecar(mesh + rules("{directResponse: {status: 200}}"))
    narrow = sidecar(
        mesh + rules("{match: [{port: 81}], directResponse: {status: 200}}")
    )
    for port in (80, 81):
        assert not names(ask(wide, f"a:{port}/"))
    assert names(ask(narrow, "a/")) == [A], "as if there were no object"
    assert not names(ask(narrow, "a:81/"))


def test_16_the_rules_of_a_destination_are_not_applied_as_well() -> None:
    chained = rules(to("b")) + rules(to("a"), hosts="b", name="b")
    assert names(ask(sidecar(SERVICES + chained), "a/")) == [B]


@pytest.mark.parametrize("protocol", ["TCP", "HTTPS"])
def test_17_rules_for_requests_do_nothing_on_ports_of_bytes(protocol: str) -> None:
    mesh = service("a", f"80 p {protocol}") + service("b", TCP) + rules(to("b"))
    held = sidecar(mesh)
    tls = Tls("a.default.svc.cluster.local") if protocol == "HTTPS" else None
    answer = ask(held, "a/", tls=tls)
    assert names(answer) == [A]
    assert not answer.route


def test_18_rules_for_tls_need_ports_of_tls_and_rules_for_tcp_those_of_tcp() -> None:
    hosts = "hosts: [a.default.svc.cluster.local]"
    sni = "match: [{sniHosts: [a.default.svc.cluster.local]}]"
    route = "route: [{destination: {host: b, port: {number: 80}}}]"
    by_name = the("VirtualService", "a", f"{hosts}, tls: [{{{sni}, {route}}}]")
    bytewise = the("VirtualService", "a", f"{hosts}, tcp: [{{{route}}}]")

    def answer(protocol: str, virtual: str) -> Answer:
        tls = Tls("a.default.svc.cluster.local") if protocol == "TLS" else None
        mesh = service("a", f"90 p {protocol}") + service("b") + virtual
        return ask(sidecar(mesh), "a:90/", tls=tls)

    own = "outbound|90||a.default.svc.cluster.local"
    assert names(answer("TLS", by_name)) == [B]
    assert names(answer("TCP", by_name)) == [own]
    assert names(answer("TCP", bytewise)) == [B]
    assert names(answer("HTTP", by_name)) == [own]
    assert names(answer("HTTP", bytewise)) == [own]


def test_18_on_a_gateway_that_passes_tls_through_only_rules_for_tls_hold() -> None:
    through = the(
        "Gateway",
        "edge",
        "selector: {istio: ingressgateway}, servers: [{hosts: [a.com], port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}}]",
    )
    route = "route: [{destination: {host: b, port: {number: 80}}}]"
    both = the(
        "VirtualService",
        "a",
        f"hosts: [a.com], gateways: [edge], http: [{to('a')}], tls: [{{match: [{{sniHosts: [a.com]}}], {route}}}]",
    )
    held = gateway(SERVICES + through + both)
    assert names(ask(held, "a.com:443/", tls=Tls("a.com"))) == [B]
    alone = the(
        "VirtualService", "a", f"hosts: [a.com], gateways: [edge], http: [{to('a')}]"
    )
    held = gateway(SERVICES + through + alone)
    assert not names(ask(held, "a.com:443/", tls=Tls("a.com")))


def test_19_server_names_must_be_those_of_the_hosts() -> None:
    def written(name: str) -> str:
        return the(
            "VirtualService",
            "a",
            f"hosts: ['*.a.com'], tls: [{{match: [{{sniHosts: ['{name}']}}], route: [{{destination: {{host: b}}}}]}}]",
        )

    assert not refused(written("x.a.com"))
    assert not refused(written("*.x.a.com"))
    assert "sniHosts" in refused(written("x.b.com"))
