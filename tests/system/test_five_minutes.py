"""What ``stat`` and ``edges`` say of five minutes, against who called."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.up import Load, demo, eventually, outbound

if TYPE_CHECKING:
    from meltemi.testkit.up import Up

pytestmark = [pytest.mark.system, pytest.mark.full, pytest.mark.timeout(600)]

SECONDS = 300.0
CALLER, CALLED = "productpage-v1", "details-v1"


def of_edge(mesh: Up) -> int:
    """Return how many requests the edge had, by the caller's word."""
    return sum(
        int(each["volume"]["requests"])
        for each in mesh.json("edges", CALLED, "--window", "15m")
        if each["source"]["workload"] == CALLER
    )


def of_workload(mesh: Up) -> int:
    """Return how many requests the workload had, by its own word."""
    rows = mesh.json("stat", CALLED, "--window", "15m")
    return sum(int(each["volume"]["requests"]) for each in rows)


def test_4_stat_and_edges_are_within_two_percent_of_truth() -> None:
    with demo("--capture=explicit") as mesh:
        url = outbound(mesh, CALLER, "details") + "/details/0"
        begun = time.perf_counter()
        with Load(url) as load:
            eventually(
                lambda: time.perf_counter() - begun >= SECONDS,
                seconds=SECONDS + 10,
                what="five minutes are over",
            )
        assert set(load.seen) == {"200"}
        truth = load.seen["200"]

        def reached(count: int) -> bool:
            return count >= truth * 0.98

        for told in (partial(of_edge, mesh), partial(of_workload, mesh)):
            eventually(
                lambda told=told: reached(told()),  # type: ignore[misc]
                seconds=30,
                what="both agents have told Pilot",
            )
            assert told() == pytest.approx(truth, rel=0.02)
