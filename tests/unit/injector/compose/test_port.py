from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.injector.compose.port import PORTS, ports_of
from meltemi.injector.compose.project import services_of
from meltemi.injector.compose.tree import tree_of

if TYPE_CHECKING:
    from meltemi.injector.compose.value import Value


def service(text: str) -> dict[str, Value]:
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return services_of(tree_of(f"services:\n  web:\n{lines}", "f"), "f")["web"]


def found(text: str, **labels: str) -> dict[int, tuple[str, str]]:
    ports, _ = ports_of(service(text), labels)
    return {each.number: (each.name, each.because) for each in ports}


@pytest.mark.parametrize(
    ("entry", "numbers"),
    [
        ("'80'", {80}),
        ("8080:81", {81}),
        ("127.0.0.1:8080:82", {82}),
        ("'[::1]:8080:83'", {83}),
        ("127.0.0.1::84", {84}),
        ("'${HOST:-0.0.0.0}:${PORT:-8080}:85/tcp'", {85}),
        ("9000-9002:9000-9002", {9000, 9001, 9002}),
        ("'${A:-${B:-1}}:${P:-${Q:-8080}}:88'", {88}),
        ("53:53/udp", set()),
        ("{target: 86, published: 1}", {86}),
        ("{target: 87, protocol: udp}", set()),
    ],
)
def test_every_spelling_of_a_port_names_that_of_the_container(
    entry: str, numbers: set[int]
) -> None:
    assert found(f"ports:\n- {entry}").keys() == numbers
    assert ports_of(service(f"ports:\n- {entry}"), {})[1] == ()


@pytest.mark.parametrize("entry", ["'${PORT}'", "80-1", "1-5000", "0", "{target: x}"])
def test_a_port_that_cannot_be_told_is_said(entry: str) -> None:
    ports, findings = ports_of(service(f"ports:\n- {entry}"), {})
    assert ports == ()
    assert [each.path for each in findings] == ["ports[0]"]


def test_what_tells_a_protocol_in_this_order() -> None:
    text = """\
ports: [{target: 1, app_protocol: h2c, name: tcp-x}, {target: 2, name: grpc-api}]
expose: [3000, 3001, 80, 8443, 5432]
healthcheck: {test: ["CMD", "curl", "http://localhost:3000/", "https://x:3001"]}
"""
    assert found(text) == {
        1: ("http2-1", "app_protocol"),
        2: ("grpc-2", "name"),
        3000: ("http-3000", "healthcheck"),
        3001: ("https-3001", "healthcheck"),
        80: ("http-80", "its number"),
        8443: ("https-8443", "its number"),
        5432: ("tcp-5432", "nothing tells its protocol"),
    }


def test_the_label_says_all() -> None:
    ports, findings = ports_of(service("expose: [1]"), {PORTS: "grpc:9090, 81"})
    assert [(each.number, each.name) for each in ports] == [
        (9090, "grpc"),
        (81, "tcp-81"),
    ]
    assert findings == ()


@pytest.mark.parametrize("text", ["http:0", "http:x", "HTTP:80", "a:1,a:2", ":80:"])
def test_a_label_that_cannot_be_is_an_error(text: str) -> None:
    ports, findings = ports_of({}, {PORTS: text})
    assert ports == ()
    assert [each.path for each in findings] == [f'labels["{PORTS}"]']


def test_the_proxys_own_ports_are_refused() -> None:
    assert ports_of(service("expose: [15006]"), {})[1][0].path == "ports"
