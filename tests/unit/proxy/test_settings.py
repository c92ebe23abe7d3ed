from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.config.probe_text import read_probe
from meltemi.proxy.adapters.own_address import located
from meltemi.proxy.settings import AgentSettings, Explicit
from meltemi.runtime.settings import Address, read_settings
from meltemi.testkit.agents import agent_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", None])
def test_roots_for_a_galley_without_tls_are_a_mistake(
    tmp_path: Path, url: str | None
) -> None:
    with pytest.raises(ValueError, match="expected https://HOST:PORT"):
        agent_settings(tmp_path, galley_url=url, galley_ca_file=tmp_path / "ca.pem")


def test_roots_for_a_galley_with_tls_are_taken(tmp_path: Path) -> None:
    ca, url = tmp_path / "ca.pem", "https://galley:15443"
    found = agent_settings(tmp_path, galley_url=url, galley_ca_file=ca)
    assert found.galley_ca_file == ca


def test_traffic_is_captured_or_goes_to_addresses_that_were_said(
    tmp_path: Path,
) -> None:
    explicit = Explicit(inbound=Address("127.0.0.1", 21100))
    with pytest.raises(ValueError, match="REDIRECT with explicit addresses"):
        agent_settings(tmp_path, interception_mode="REDIRECT", explicit=explicit)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"interception_mode": "NONE"}, "expected REDIRECT"),
        ({"interception_mode": "TPROXY"}, "expected REDIRECT"),
        ({"instance_ip": "auto"}, "name the application's address"),
        ({"app_metrics": "http://127.0.0.1:1/"}, "does not reach the application"),
    ],
)
def test_what_would_be_asked_of_the_wrong_namespace_is_refused(
    tmp_path: Path, more: dict[str, object], why: str
) -> None:
    fine: dict[str, object] = {
        "application_netns": "/run/netns/web",
        "interception_mode": "REDIRECT",
        "instance_ip": "10.1.0.7",
    }
    assert agent_settings(tmp_path, **fine).application_netns
    with pytest.raises(ValueError, match=why):
        agent_settings(tmp_path, **{**fine, **more})


def test_an_agent_finds_its_own_address_on_the_way_to_its_pilot(tmp_path: Path) -> None:
    pilots = (Address("127.0.0.1", 15012),)
    asked = agent_settings(tmp_path, instance_ip="auto", pilots=pilots)
    assert located(asked).instance_ip == "127.0.0.1"


def test_an_address_that_was_said_stays(tmp_path: Path) -> None:
    said = agent_settings(tmp_path, instance_ip="10.1.0.7")
    assert located(said) is said


def test_probes_and_metrics_are_read_as_an_injector_writes_them() -> None:
    told = {
        "NAME": "web-1",
        "SERVICE_ACCOUNT": "web",
        "CITADEL_BOOTSTRAP": "127.0.0.1:1",
        "CITADEL_RENEWAL": "127.0.0.1:2",
        "ROOT_CERT_FILE": "/roots.pem",
        "PILOTS": "127.0.0.1:3",
        "RUN_DIR": "/run/web",
        "ADMIN_ADDRESS": "127.0.0.1:15000",
        "STATUS_ADDRESS": "0.0.0.0:15020",
        "READY_ADDRESS": "0.0.0.0:15021",
        "APP_METRICS": "http://127.0.0.1:8080/metrics",
        "APP_PROBES": '{"/app-health/web/livez":{"grpc":{"port":9000,"service":"a"}}}',
        "HEALTH_PROBE": '{"tcpSocket":{"port":8080}}',
    }
    environ = {f"AGENT_{name}": text for name, text in told.items()}
    found = read_settings(AgentSettings, environ)
    assert found.ready_address == Address("0.0.0.0", 15021)  # noqa: S104 - a container
    assert found.app_metrics == told["APP_METRICS"]
    assert list(found.app_probes) == ["/app-health/web/livez"]
    assert found.health_probe == read_probe(told["HEALTH_PROBE"])
