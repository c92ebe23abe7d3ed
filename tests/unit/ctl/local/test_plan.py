from __future__ import annotations

import json
from pathlib import Path

import pytest

from meltemi.ctl.local.layout import Layout, Tools
from meltemi.ctl.local.part import Part, Stage
from meltemi.ctl.local.plan import plan, port_names

TOOLS = Tools(
    python="/usr/bin/python",
    etcd="/opt/etcd",
    nats="/opt/nats-server",
    versions={"etcd": "3", "nats": "2", "envoy": "1.40.0", "meltemi": "0.1"},
)
PORTS = {name: 20_000 + place for place, name in enumerate(port_names(demo=True))}
LAYOUT = Layout(Path("/state"), PORTS, "e1", "s1")


def parts(*, demo: bool = True) -> dict[str, Part]:
    return {part.name: part for part in plan(LAYOUT, TOOLS, demo=demo)}


def test_part_names_are_those_that_scripts_rely_on() -> None:
    workloads = [
        "productpage-v1",
        "details-v1",
        "ratings-v1",
        "reviews-v1",
        "reviews-v2",
        "reviews-v3",
    ]
    services = ["etcd", "nats", "galley", "citadel", "pilot-0", "pilot-1"]
    everything = [*services, "gateway", *workloads, *(f"{w}-app" for w in workloads)]

    assert sorted(parts()) == sorted(everything)
    assert sorted(parts(demo=False)) == sorted(services)


def test_without_the_demo_no_port_is_kept_for_it() -> None:
    assert set(port_names(demo=False)) < set(PORTS)
    assert Layout(Path("/s"), dict.fromkeys(port_names(demo=False), 1), "e")


def test_every_address_is_loopback_and_used_by_one_part_only() -> None:
    found = [a for part in parts().values() for a in part.addresses.values()]

    assert len(found) == len(set(found))
    assert all(address.startswith("127.0.0.1:2") for address in found)


def test_settings_carry_the_prefix_of_the_service_they_are_for() -> None:
    for part in parts().values():
        module = part.argv[-1].rpartition(".")[2]
        prefix = {"proxy": "AGENT_"}.get(module, f"{module.upper()}_")
        if part.argv[:2] == ("/usr/bin/python", "-m") and "demo" not in part.argv[-1]:
            assert {name[: len(prefix)] for name in part.environ} == {prefix}, part.name


def test_an_application_finds_others_at_its_own_sidecar() -> None:
    app, agent = parts()["reviews-v2-app"], parts()["reviews-v2"]
    explicit = json.loads(agent.environ["AGENT_EXPLICIT"])

    port = app.environ["RATINGS_SERVICE_PORT"]
    assert app.environ["RATINGS_SERVICE_HOST"] == "127.0.0.1"
    assert explicit["outbound"]["ratings.default.svc.cluster.local:9080"] == (
        f"127.0.0.1:{port}"
    )
    assert explicit["apps"] == {"9080": app.addresses["http"]}
    assert explicit["inbound"].rpartition(":")[2] == str(
        json.loads(agent.environ["AGENT_ENTRY_PORTS"])["http"]
    )
    assert app.environ["SERVICE_VERSION"] == "v2"
    assert not any(name.startswith("AGENT") for name in app.environ)


def test_a_workload_has_the_identity_and_labels_of_the_demo() -> None:
    agent = parts()["reviews-v3"]

    assert agent.identity is not None
    assert agent.identity.service_account == "bookinfo-reviews"
    assert agent.environ["AGENT_SERVICE_ACCOUNT"] == "bookinfo-reviews"
    assert json.loads(agent.environ["AGENT_LABELS"]) == {
        "app": "reviews",
        "version": "v3",
    }


def test_the_gateway_serves_and_registers_nothing() -> None:
    gateway = parts()["gateway"]
    explicit = json.loads(gateway.environ["AGENT_EXPLICIT"])

    assert explicit == {"gateway": {"80": gateway.addresses["http"]}}
    assert gateway.environ["AGENT_PROXY_TYPE"] == "router"
    assert "AGENT_ENTRY_PORTS" not in gateway.environ
    assert "AGENT_GALLEY_URL" not in gateway.environ


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("etcd", "galley"), ("citadel", "reviews-v1"), ("galley", "gateway")],
)
def test_parts_start_after_what_they_need(earlier: str, later: str) -> None:
    assert parts()[earlier].stage < parts()[later].stage


def test_two_meshes_never_share_an_etcd_cluster_id() -> None:
    other = Layout(Path("/state"), PORTS, "e2")
    tokens = {
        next(arg for arg in plan(layout, TOOLS, demo=False)[0].argv if "token" in arg)
        for layout in (LAYOUT, other)
    }

    assert len(tokens) == 2, "a purged mesh begins a new epoch"


def test_stages_are_in_order() -> None:
    stages = [part.stage for part in plan(LAYOUT, TOOLS, demo=True)]

    assert stages == sorted(stages)
    assert set(stages) == set(Stage) - {Stage.NETWORK}, "pods are beside the plan"


def test_a_local_mesh_counts_its_requests_without_being_asked() -> None:
    for name in ("pilot-0", "pilot-1"):
        assert parts()[name].environ["PILOT_METRICS_PROVIDER"] == "prometheus"
