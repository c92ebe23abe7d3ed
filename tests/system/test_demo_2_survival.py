"""The demo mesh with parts of it dead: what goes on, and what comes back."""

from __future__ import annotations

from collections import Counter

import httpx2
import psutil
import pytest

from meltemi.testkit.up import Load, Up, answer, answers, eventually, outbound
from meltemi.testkit.walkthrough import NINETY_TEN, SUBSETS, delay

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

GATEWAY = "gateway.istio-system"
CONTROL = ("galley", "citadel", "pilot-0", "pilot-1", "etcd", "nats")


def test_4_a_dead_pilot_costs_no_request_and_nothing_is_sent_twice(mesh: Up) -> None:
    mesh.apply(delay("ratings", 0))
    before = mesh.proxies()
    served = Counter(row["pilot"] for row in before.values())
    victim, _ = served.most_common(1)[0]
    moved = [name for name, row in before.items() if row["pilot"] == victim]
    try:
        with Load(mesh.url("app")) as load:
            mesh.do("kill", victim)
            eventually(
                lambda: moved_on(mesh, victim) == set(before),
                seconds=15,
                what=f"{moved} leave {victim}",
            )
            after = mesh.proxies()
            sent = {name: after[name]["sent_bytes"] for name in moved}
            assert sent == dict.fromkeys(moved, 0), "what is held is not sent again"
            mesh.apply(delay("ratings", 1))
        changed = mesh.proxies()
        # The gateway has no route to ratings: the change says nothing to it.
        told = {name for name in moved if changed[name]["sent_bytes"] > 0}
        assert told == set(moved) - {GATEWAY}, "the change arrives by the other Pilot"
        assert set(load.seen) == {"200"}, load.seen
    finally:
        mesh.do("start", victim)
    mesh.do("delete", "virtualservice/ratings")


def test_4_a_hung_pilot_loses_its_proxies_like_a_dead_one(mesh: Up) -> None:
    before = mesh.proxies()
    served = Counter(row["pilot"] for row in before.values())
    victim, _ = served.most_common(1)[0]
    process = psutil.Process(mesh.status()[victim]["pid"])
    with Load(mesh.url("app")) as load:
        process.suspend()
        try:
            eventually(
                lambda: moved_on(mesh, victim) == set(before),
                seconds=25,
                what=f"the proxies of {victim} leave it, though it closes nothing",
            )
        finally:
            process.resume()
    assert set(load.seen) == {"200"}, load.seen
    eventually(
        lambda: mesh.status()[victim]["healthy"],
        seconds=10,
        what=f"{victim} goes on",
    )


def moved_on(mesh: Up, victim: str) -> set[str]:
    """Return the proxies that are served by another Pilot than ``victim``."""
    return {
        name
        for name, row in mesh.proxies().items()
        if row["connected"] and row["pilot"] != victim
    }


def direct(mesh: Up, pilot: str) -> bool:
    url = f"http://{mesh.address(pilot, 'http')}/metrics"
    return "meltemi_pilot_direct 1.0" in answer(url).text


def test_5_without_nats_changes_arrive_and_with_it_the_bell_rings_again(
    mesh: Up,
) -> None:
    mesh.do("kill", "nats")
    mesh.do("apply", "-f", "-", stdin=delay("details", 0))
    mesh.do("wait", "virtualservice/details", "--timeout", "5s")
    eventually(
        lambda: direct(mesh, "pilot-0") and direct(mesh, "pilot-1"),
        seconds=10,
        what="both Pilots watch etcd themselves",
    )
    mesh.do("start", "nats")
    eventually(
        lambda: not direct(mesh, "pilot-0") and not direct(mesh, "pilot-1"),
        seconds=15,
        what="both Pilots hear the bell",
    )
    mesh.apply(delay("details", 1))
    mesh.do("delete", "virtualservice/details")


def test_5_without_etcd_reads_and_traffic_go_on_and_writes_say_why(mesh: Up) -> None:
    before = mesh.json("get", "virtualservices")
    mesh.do("kill", "etcd")
    try:
        with Load(mesh.url("app")) as load:
            refused = mesh.run("apply", "-f", "-", stdin=NINETY_TEN)
            assert refused.returncode == 69
            assert "ledger.unavailable" in refused.stderr
            assert "etcd" in refused.stderr
            during = mesh.json("get", "virtualservices")
            assert during["items"] == before["items"]
            assert len(mesh.proxies()) == 7
        assert set(load.seen) == {"200"}
    finally:
        mesh.do("start", "etcd")
    names = [each["metadata"]["name"] for each in mesh.json("get", "vs")["items"]]
    assert "reviews" not in names, "nothing is half-written"
    mesh.apply(SUBSETS)


def test_5_with_every_control_service_dead_traffic_goes_on(mesh: Up) -> None:
    mesh.do("kill", *CONTROL)
    seen = Counter[int]()
    try:
        light = mesh.url("app").replace("/productpage", "/headers")
        seen.update(each.status_code for each in answers(light, 4000))
        envoy = envoy_of(mesh, "details-v1")
        envoy.kill()
        eventually(
            lambda: ready(mesh, "details-v1"),
            seconds=20,
            what="details-v1 comes back from its agent's checkpoint",
        )
        seen.update(each.status_code for each in answers(mesh.url("app"), 1000))
    finally:
        mesh.do("start", *CONTROL)
    assert seen == {200: 5000}
    assert not envoy.is_running()
    details = answer(outbound(mesh, "productpage-v1", "details") + "/details/0")
    assert details.status_code == 200
    eventually(
        lambda: [row["connected"] for row in mesh.proxies().values()] == [True] * 7,
        seconds=30,
        what="every proxy finds a Pilot again",
    )
    mesh.apply(SUBSETS)


def envoy_of(mesh: Up, proxy: str) -> psutil.Process:
    agent = psutil.Process(mesh.status()[proxy]["pid"])
    (envoy,) = [
        each for each in agent.children(recursive=True) if "envoy" in each.name()
    ]
    return envoy


def ready(mesh: Up, proxy: str) -> bool:
    url = f"http://{mesh.address(proxy, 'status')}/healthz/ready"
    try:
        return httpx2.get(url, timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False
