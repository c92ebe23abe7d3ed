from __future__ import annotations

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.host import virtual_host, without_port


def table(*domains: str, ignore_port: bool = False) -> RouteConfiguration:
    hosts = [{"name": each, "domains": [each]} for each in domains]
    body = {"virtual_hosts": hosts, "ignore_port_in_host_matching": ignore_port}
    return ParseDict(body, RouteConfiguration())


ALL = ("*", "www.*", "www.shop.*", "*.example", "*.shop.example", "www.shop.example")


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.shop.example", "www.shop.example"),
        ("WWW.Shop.Example", "www.shop.example"),
        ("m.shop.example", "*.shop.example"),
        ("www.example", "*.example"),
        ("www.shop.other", "www.shop.*"),
        ("www.other", "www.*"),
        ("other", "*"),
        (".example", "*"),
        ("", "*"),
    ],
)
def test_exact_then_longest_suffix_then_longest_prefix_then_any(
    host: str, domain: str
) -> None:
    found, _ = virtual_host(table(*ALL), host)
    assert found is not None
    assert found.name == domain
    found, _ = virtual_host(table(*reversed(ALL)), host)
    assert found is not None
    assert found.name == domain


def test_a_port_is_part_of_the_name_unless_the_table_says_otherwise() -> None:
    assert virtual_host(table("a.example"), "a.example:80")[0] is None
    found, why = virtual_host(table("a.example", ignore_port=True), "a.example:80")
    assert found is not None
    assert why == "'a.example' fits 'a.example'"


def test_no_domain_fits_a_foreign_host() -> None:
    assert virtual_host(table("a"), "b") == (None, "no domain fits 'b'")


@pytest.mark.parametrize(
    ("host", "bare"),
    [("a:80", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("::1", "::1"), ("a:b", "a:b")],
)
def test_a_port_is_told_from_an_address(host: str, bare: str) -> None:
    assert without_port(host) == bare
