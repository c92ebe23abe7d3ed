from __future__ import annotations

import pytest

from meltemi.config.probe_text import read_probe
from meltemi.proxy.health.probe import (
    Pace,
    admitted,
    app_metrics_url,
    places,
    read_app_probes,
    read_own_probe,
)
from meltemi.runtime.settings import Address

GET = {"httpGet": {"path": "/ready", "port": 8080}}


def test_what_a_probe_leaves_out_is_as_istio_documents_it() -> None:
    assert Pace.of(read_probe(GET)) == Pace(0, 1, 10, 1, 3)
    told = {
        "initialDelaySeconds": 5,
        "timeoutSeconds": 2,
        "periodSeconds": 4,
        "successThreshold": 2,
        "failureThreshold": 7,
    }
    assert Pace.of(read_probe({**GET, **told})) == Pace(5, 2, 4, 2, 7)
    assert Pace.of(read_probe({**GET, "timeoutSeconds": 0})).timeout == 1


def test_probes_are_read_from_text_as_an_environment_variable_has_it() -> None:
    probes = read_app_probes('{"/app-health/web/readyz": {"tcpSocket": {"port": 5}}}')
    assert probes == {"/app-health/web/readyz": read_probe({"tcpSocket": {"port": 5}})}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "a method is required"),
        ({"httpGet": {"port": 0}}, "port"),
        ({"httpGet": {"port": "http"}}, "int"),
        ({"httpGet": {"port": 1}, "tcpSocket": {"port": 1}}, "only one may be set"),
        ({"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": 3}, "unknown"),
    ],
)
def test_a_probe_that_cannot_be_meant_is_refused(value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_probe(value)


@pytest.mark.parametrize(
    ("path", "probe", "why"),
    [
        ("/app-health/web/ready", GET, "expected /app-health/CONTAINER"),
        ("/metrics", GET, "expected /app-health/CONTAINER"),
        ("/app-health/web/livez", {"exec": {"command": ["true"]}}, "exec"),
    ],
)
def test_a_probe_asked_for_over_the_network_has_its_path_and_starts_nothing(
    path: str, probe: object, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        read_app_probes({path: probe})


def test_an_application_is_asked_where_it_says_or_on_loopback() -> None:
    at = places({"8080": Address("127.0.0.1", 18080)})
    assert at(None, 8080) == Address("127.0.0.1", 18080)
    assert at(None, 9000) == Address("127.0.0.1", 9000)
    assert at("10.0.0.7", 8080) == Address("10.0.0.7", 8080)


@pytest.mark.parametrize("url", ["https://h:1/", "http://h/metrics", "8080/metrics"])
def test_metrics_are_fetched_over_plain_http_from_a_port(url: str) -> None:
    assert app_metrics_url("http://127.0.0.1:8080/m") == "http://127.0.0.1:8080/m"
    with pytest.raises(ValueError, match="expected http"):
        app_metrics_url(url)


def test_an_empty_setting_is_no_probe() -> None:
    assert read_own_probe("") is None
    assert read_own_probe('{"tcpSocket": {"port": 5}}') == read_probe(
        {"tcpSocket": {"port": 5}}
    )


def test_who_writes_a_group_runs_nothing_here_and_asks_nobody_else() -> None:
    own = "10.0.0.7"
    for host in (None, "localhost", "127.0.0.1", own):
        get = {"port": 80, **({"host": host} if host else {})}
        assert admitted(read_probe({"httpGet": get}), own)
    with pytest.raises(ValueError, match="starts no program"):
        admitted(read_probe({"exec": {"command": ["true"]}}), own)
    for method in ("httpGet", "tcpSocket"):
        elsewhere = read_probe({method: {"port": 80, "host": "169.254.169.254"}})
        with pytest.raises(ValueError, match="only this machine"):
            admitted(elsewhere, own)
