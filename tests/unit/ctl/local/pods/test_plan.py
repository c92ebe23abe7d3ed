from __future__ import annotations

import json
from pathlib import Path

from meltemi.ctl.local.layout import Layout, Tools
from meltemi.ctl.local.part import Part, Stage
from meltemi.ctl.local.plan import PILOTS, plan, port_names
from meltemi.ctl.local.pods.network import Door
from meltemi.ctl.local.pods.plan import in_pods, network

TOOLS = Tools(
    python="/usr/bin/python",
    etcd="/opt/etcd",
    nats="/opt/nats-server",
    versions={"etcd": "3", "nats": "2", "envoy": "1.40.0", "meltemi": "0.1"},
)
NAMES = port_names(demo=True, in_pods=True)
LAYOUT = Layout(
    Path("/state"), {n: 20_000 + place for place, n in enumerate(NAMES)}, "e1", "s1"
)


def parts() -> dict[str, Part]:
    planned = plan(LAYOUT, TOOLS, demo=True)
    return {p.name: p for p in in_pods(planned, LAYOUT, TOOLS, "rootless")}


def test_the_pods_are_there_before_anything_else() -> None:
    first = min(parts().values(), key=lambda part: part.stage)
    assert (first.name, first.stage) == ("pods", Stage.NETWORK)


def test_an_application_is_told_nothing_of_its_proxy() -> None:
    app = parts()["productpage-v1-app"]
    assert app.environ.keys() == {"PORT", "SERVICE_VERSION", "LISTEN_HOST"}
    assert app.environ["PORT"] == "9080"


def test_an_application_asks_its_pod_for_names_and_its_proxy_does_not() -> None:
    assert "--names" in parts()["reviews-v1-app"].argv
    assert "--names" not in parts()["reviews-v1"].argv


def test_a_captured_proxy_has_no_addresses_but_that_of_its_pod() -> None:
    environ = parts()["reviews-v1"].environ
    assert "AGENT_EXPLICIT" not in environ
    assert environ["AGENT_INTERCEPTION_MODE"] == "REDIRECT"
    assert environ["AGENT_INSTANCE_IP"] == "10.255.0.5"
    assert json.loads(environ["AGENT_ENTRY_PORTS"]) == {"http": 9080}


def test_the_gateway_is_in_a_pod_and_listens_as_before() -> None:
    environ = parts()["gateway"].environ
    assert "AGENT_EXPLICIT" in environ
    assert "AGENT_INTERCEPTION_MODE" not in environ


def test_control_services_stay_on_the_machine() -> None:
    outside = {name for name, part in parts().items() if not part.pod}
    assert outside == {"pods", "etcd", "nats", "galley", "citadel", *PILOTS}


def test_every_address_that_the_machine_is_told_is_a_door_or_not_in_a_pod() -> None:
    doors = {door.here for door in network(LAYOUT, PILOTS, rootless=True).inward}
    for part in parts().values():
        if part.pod:
            ports = {int(a.rpartition(":")[2]) for a in part.addresses.values()}
            assert ports <= doors, part.name


def test_the_door_of_an_application_leads_to_the_port_of_its_service() -> None:
    doors = network(LAYOUT, PILOTS, rootless=True).inward
    here = LAYOUT.ports["reviews-v2.app"]
    assert Door(here, "reviews-v2", 9080) in doors


def test_pods_reach_what_a_proxy_needs_of_the_control_plane_and_no_more() -> None:
    found = network(LAYOUT, PILOTS, rootless=True).outward
    names = {name for name, port in LAYOUT.ports.items() if port in found}
    doors = {"galley", "citadel.bootstrap", "citadel.renewal"}
    assert names == {*doors, "pilot-0.xds-tls", "pilot-1.xds-tls"}
