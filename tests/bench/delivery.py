"""How fast Pilot, or a peer, delivers: many proxies, one change, the last ACK.

The proxies are played by ``load/xdsload``, configuration comes from
``load/mcpsource.py`` over MCP; of what is measured only two addresses are known. At
the end real Envoys join, and tell whether they hold what they should.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from measure import Figure, spread
from returning import reconnect
from rivals import compared
from stage import Scale, load_average, staged, started
from steady import churn, idle

from meltemi.testkit.witness import Form, witnesses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comparison import Chosen, Peer
    from stage import Stage

CHANGES = ("endpoint", "weight", "add")
WITNESS_SECONDS = 120.0
SHOWN = 5
"""Differences that are printed."""

TARGETS: dict[str, dict[str, float]] = {
    "1000x1000": {
        "connect all": 2.5,
        "connect all RSS": 200,
        "endpoint last proxy, median": 40,
        "weight last proxy, median": 200,
        "weight CPU": 0.3,
        "add last proxy, median": 230,
        "add RSS": 250,
        "reconnect all, of a cold connect's bytes": 1,
        "reconnect all, one endpoint changed": 1,
        "churn 60 s last proxy, 99 %": 150,
        "idle, of a core": 1,
    },
    "100x100": {
        "endpoint last proxy, median": 6,
        "weight last proxy, median": 15,
    },
    "10000x1000": {
        "endpoint last proxy, median": 80,
        "start to the first proxy": 8,
    },
}
"""By size, then by what is measured."""
APART: dict[str, dict[str, float]] = {
    "1000x1000": {
        "weight last proxy, median": 45,
        "add last proxy, median": 60,
    },
}
"""Of virtual hosts by themselves."""
COUNT = re.compile(r" of \d+$")
"""Of how many measurements; it is no part of what a target is of."""
ANYWHERE = {"witnesses, refused": 0.0, "witnesses, differences": 0.0}


def figures(chosen: Chosen) -> Iterator[Figure]:
    """Yield what each size costs, and the ratio to a peer measured in the same run.

    Each of the two is measured on its own, so that neither has the other's load.
    """
    for size in chosen.sizes:
        scale = Scale(size, Form.DELTA, chosen.profile, chosen.seed)
        name = f"{scale.mesh} start to the first proxy"
        yield _judged(scale, Figure(name, started(scale), "s"))
    for size, form in product(chosen.sizes, Form):
        scale = Scale(
            size, form, chosen.profile, chosen.seed, chosen.pilots, chosen.tls
        )
        if form is Form.VHDS and not scale.profile.tabled:
            continue
        ours: list[Figure] = []
        for each in measured(scale, chosen):
            ours.append(_judged(scale, each))
            yield ours[-1]
        if chosen.peer is None or form is Form.VHDS:
            continue
        theirs = measured(scale, chosen, chosen.peer)
        yield from compared(ours, theirs)


def _judged(scale: Scale, figure: Figure) -> Figure:
    """Return ``figure`` with the target there is for it: most are of an HTTP mesh."""
    what = figure.name.removeprefix(f"{scale} ").removeprefix(f"{scale.mesh} ")
    what = COUNT.sub("", what)
    targets = dict(ANYWHERE)
    if scale.aimed_at:
        targets |= TARGETS.get(str(scale.size), {})
        if scale.form is Form.VHDS:
            targets |= APART.get(str(scale.size), {})
    return replace(figure, target=targets.get(what))


def measured(
    scale: Scale, chosen: Chosen, peer: Peer | None = None
) -> Iterator[Figure]:
    """Yield what one scale costs: the connection of all, then changes one by one."""
    yield load_average(str(scale))
    with staged(scale, peer) as stage:
        yield from _connected(stage)
        for change in CHANGES:
            yield from _changes(stage, change, chosen.samples)
        if scale.form.incremental:
            yield from reconnect(stage)
        if chosen.churn_seconds:
            yield from churn(stage, chosen.churn_seconds)
        yield from idle(stage)
        if chosen.witnesses and stage.ours:
            yield from _witnessed(stage, chosen.witnesses)


def _connected(stage: Stage) -> Iterator[Figure]:
    title = f"{stage.title} connect all"
    yield Figure(title, float(stage.ready["full_since_begin_s"]["max"]), "s")
    yield Figure(f"{title}, received", float(stage.ready["wire_in"]) / 2**20, "MiB")
    yield from stage.spent("connect all", stage.cpu_seconds)


def _changes(stage: Stage, change: str, samples: int) -> Iterator[Figure]:
    """Yield the time to the last proxy of a change, and what it costs; of several."""
    stage.change(f"{change}-first", change)  # for warming up
    before = stage.spent_before
    pushes = [
        stage.change(f"{change}-{number}", change, number % 2)
        for number in range(samples)
    ]
    title, took = f"{stage.title} {change}", [each.seconds for each in pushes]
    yield from spread(f"{title} last proxy", took, "ms", scale=1000)
    received = sum(each.received for each in pushes) / samples
    yield Figure(f"{title} received", received / 1024, "KiB", samples=samples)
    yield from stage.spent(change, before, samples)


def _witnessed(stage: Stage, count: int) -> Iterator[Figure]:
    """Have real Envoys join, live through every change, and tell what they hold."""
    begun = time.perf_counter()
    with witnesses(stage.folder, stage.ads, count, stage.scale.form) as envoys:
        while not all(each.live for each in envoys):
            _in_time(begun, "Envoys do not come up")
            time.sleep(0.05)
        took = time.perf_counter() - begun
        for change in CHANGES:
            stage.change(f"{change}-witnessed", change)
        begun = time.perf_counter()
        odd = [line for each in envoys for line in each.differences()]
        while odd and time.perf_counter() < begun + WITNESS_SECONDS:
            odd = [line for each in envoys for line in each.differences()]
        for line in odd[:SHOWN]:
            print(line, file=sys.stderr)
        title = f"{stage.title} witnesses"
        yield Figure(f"{title}, {count} Envoys live", took, "s")
        refused = sum(each.rejected() for each in envoys)
        yield Figure(f"{title}, refused", refused, "")
        yield Figure(f"{title}, differences", len(odd), "")


def _in_time(begun: float, what: str) -> None:
    if time.perf_counter() > begun + WITNESS_SECONDS:
        raise TimeoutError(f"{what} within {WITNESS_SECONDS:g} s")
