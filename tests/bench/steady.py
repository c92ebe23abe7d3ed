"""A Pilot whose proxies stay: changes that do not end, and nothing at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from measure import Figure, spread

from meltemi.testkit.changes import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stage import Stage

CHANGES_PER_SECOND = 20
AHEAD = 10
"""Changes that the proxies look out for before they are made."""
IDLE_SECONDS = 10.0


def churn(stage: Stage, seconds: float) -> Iterator[Figure]:
    """Yield how long each of many endpoint changes took to the last proxy.

    Each is of another service, until all had one.
    """
    count, before = int(seconds * CHANGES_PER_SECOND), stage.spent_before
    sent = list(_changes(stage, count))
    took = [
        float(stage.load.says("reached", f"churn-{number}")["t"]) - at
        for number, at in enumerate(sent)
    ]
    rate = (count - 1) / (sent[-1] - sent[0])
    title = f"churn {seconds:g} s"
    yield Figure(f"{stage.title} {title}, changes made", rate, "1/s")
    name = f"{stage.title} {title} last proxy"
    yield from spread(name, took, "ms", scale=1000)
    yield from stage.spent(f"{title} each", before, count)


def _changes(stage: Stage, count: int) -> Iterator[float]:
    """Make changes at an even pace; yield when each was sent."""
    begun, expected = time.perf_counter(), 0
    for number in range(count):
        while expected < min(number + AHEAD, count):
            stage.source.do(f"seen {_service(stage, expected)}")
            where = stage.source.says("seen")["namespaces"]
            marker = _marker(expected).hex()
            stage.load.do(f"expect churn-{expected} {marker} {where}")
            expected += 1
        name = f"churn-{number}"
        watched(stage.load.says("expecting", name))
        wait = begun + number / CHANGES_PER_SECOND - time.perf_counter()
        time.sleep(max(wait, 0))
        service = _service(stage, number)
        stage.source.do(f"prepare {name} endpoint {service} {_address(number)}")
        stage.source.do(f"go {name}")
        stage.source.says("prepared", name)
        yield float(stage.source.says("sent", name)["t"])


def _service(stage: Stage, number: int) -> int:
    """Return whose endpoint changes: where some are out of reach, one played here."""
    size = stage.scale.size
    scoped = stage.scale.profile.scoped
    return number % (min(size.services, size.proxies) if scoped else size.services)


def _address(number: int) -> str:
    return f"10.{230 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def _marker(number: int) -> bytes:
    """Return what only endpoints with that address hold: a SocketAddress's field 2."""
    address = _address(number).encode()
    return bytes((2 << 3 | 2, len(address))) + address


def idle(stage: Stage) -> Iterator[Figure]:
    """Yield what Pilot does when there is nothing to do."""
    if stage.processes:
        before = stage.spent_before
        time.sleep(IDLE_SECONDS)
        share = (stage.spent_before - before) / IDLE_SECONDS * 100
        yield Figure(f"{stage.title} idle, of a core", share, "%")
