from __future__ import annotations

import json

import pytest

from meltemi.injector.compose.health import HEALTH, health_of
from meltemi.injector.compose.value import value_of
from meltemi.injector.workload import Port

PORT = Port(8080, "http-8080")
PACE = {"periodSeconds": 30, "timeoutSeconds": 30, "failureThreshold": 3}


def asked(
    check: dict[str, object], *, ports: tuple[Port, ...] = (PORT,), label: str = ""
) -> tuple[object, list[str]]:
    """Return the probe that is made of a health check, and what is told."""
    service = value_of({"healthcheck": check} if check else {})
    assert isinstance(service, dict)
    found, told = health_of(service, {HEALTH: label} if label else {}, ports)
    return json.loads(found.value or "null"), [each.message for each in told]


def http(port: int, path: str, **more: object) -> dict[str, object]:
    return {"httpGet": {"path": path, "port": port, **more}}


@pytest.mark.parametrize(
    ("test", "way"),
    [
        (
            "curl --fail http://localhost:4000/health || exit 1",
            http(4000, "/health", host="localhost"),
        ),
        (["CMD", "curl", "-f", "http://127.0.0.1"], http(80, "/")),
        (
            ["CMD", "wget", "-q", "--spider", "https://127.0.0.1:8443/up?a=1&b=2"],
            http(8443, "/up?a=1&b=2", scheme="HTTPS"),
        ),
        (
            "python3 -c \"import urllib.request as r; r.urlopen('http://[::1]:7/h')\"",
            http(7, "/h"),
        ),
        (
            ["CMD", "curl", "-H", "Host: a.example", "http://127.0.0.1:1/"],
            http(1, "/", httpHeaders=[{"name": "Host", "value": "a.example"}]),
        ),
        ("nc -z localhost 6379", {"tcpSocket": {"port": 6379}}),
        (["CMD-SHELL", "</dev/tcp/127.0.0.1/5432"], {"tcpSocket": {"port": 5432}}),
        (["CMD", "/bin/grpc_health_probe", "-addr=:9000"], {"grpc": {"port": 9000}}),
        (
            "grpc_health_probe -addr=localhost:9000 -service=shop.Cart",
            {"grpc": {"port": 9000, "service": "shop.Cart"}},
        ),
    ],
)
def test_what_the_command_asks_over_the_network_the_agent_asks(
    test: object, way: dict[str, object]
) -> None:
    assert asked({"test": test}) == ({**way, **PACE}, [])


@pytest.mark.parametrize(
    "test",
    [
        ["CMD", "pg_isready", "-U", "postgres"],
        "curl -f http://localhost:${PORT}/health",
        "curl -f http://localhost:$$PORT/health",
        "curl -X POST http://localhost:8080/check",
        "curl -f http://other:8080/",
        "curl http://localhost:1/ http://localhost:2/",
        "redis-cli ping | grep PONG",
        "it's",
    ],
)
def test_of_any_other_command_the_port_is_asked_and_that_is_said(test: object) -> None:
    probe, told = asked({"test": test})
    assert probe == {"tcpSocket": {"port": 8080}, **PACE}
    assert [each for each in told if "port 8080 can be connected to" in each] == told
    assert len(told) == 1


def test_what_a_shell_looks_at_beside_the_answer_is_said() -> None:
    probe, told = asked({"test": "curl -s http://127.0.0.1:1/h | grep -q ok"})
    assert probe == {**http(1, "/h"), **PACE}
    assert told == ["its command looks at more than that: the mesh asks the URL alone"]


@pytest.mark.parametrize(
    "check",
    [{}, {"disable": True}, {"test": ["NONE"]}, {"test": "NONE", "disable": "true"}],
)
def test_nobody_asks_where_no_check_is(check: dict[str, object]) -> None:
    assert asked(check) == (None, [])


def test_nobody_asks_what_nobody_calls() -> None:
    assert asked({"test": "curl http://localhost/"}, ports=()) == (None, [])


def test_it_is_asked_as_often_and_as_patiently_as_docker_would() -> None:
    pace = {"interval": "1m30s", "timeout": "1500ms", "retries": 5}
    probe, told = asked({"test": "nc -z localhost 1", **pace, "start_period": "1h"})
    assert probe == {
        "tcpSocket": {"port": 1},
        "periodSeconds": 90,
        "timeoutSeconds": 2,
        "failureThreshold": 5,
    }
    assert told == []
    _, told = asked({"test": "nc -z localhost 1", "interval": "${EVERY}"})
    assert told == ["interval '${EVERY}' is not known here: 30 is taken"]


@pytest.mark.parametrize(
    ("label", "probe"),
    [
        ("http:/ready", {**http(8080, "/ready"), "periodSeconds": 2}),
        ("tcp:5", {"tcpSocket": {"port": 5}, "periodSeconds": 2}),
        ("none", None),
        ('{"grpc": {"port": 9}}', {"grpc": {"port": 9}}),
    ],
)
def test_a_label_wins_over_the_check(label: str, probe: object) -> None:
    check: dict[str, object] = {"test": "curl http://localhost/"}
    assert asked(check, label=label) == (probe, [])


@pytest.mark.parametrize("label", ["exec:true", "udp", "http:x/y", " "])
def test_a_label_that_cannot_be_is_refused(label: str) -> None:
    assert len(asked({}, label=label)[1]) == 1


def test_a_label_where_nobody_calls_has_no_effect() -> None:
    probe, told = asked({}, ports=(), label="tcp:5")
    assert probe is None
    assert told == ["has no effect: nobody calls what serves no port"]
