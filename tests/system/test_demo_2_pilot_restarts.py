"""F-22, R-06, R-08: Pilots die and restart while configuration changes.

No request fails, and no Envoy is ever given routes older than those it had.
"""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from itertools import count, cycle
from typing import TYPE_CHECKING

import psutil
import pytest
import structlog

from meltemi.testkit.numbered import Caller, Numbers, numbers_of
from meltemi.testkit.up import demo, eventually, outbound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.up import Up

log = structlog.get_logger()
pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

CALLS = {
    "details": ("productpage-v1", "/details/0"),
    "ratings": ("reviews-v2", "/ratings/0"),
}
"""By the service that is called: beside which Envoy, and what."""
PILOTS = ("pilot-0", "pilot-1")
ENDS = (signal.SIGKILL, signal.SIGTERM)
CHANGES = 5
"""Before, while and after a Pilot is away, each."""


class Changes:
    """Numbers that grow, and the callers who see them."""

    def __init__(self, numbers: Numbers, seen: list[Caller]) -> None:
        self.numbers, self.seen = numbers, seen
        self.count = count(1)
        self.last = 0

    def make(self) -> None:
        """Change every service's route several times, as fast as Galley takes it."""
        for _ in range(CHANGES):
            self.last = next(self.count)
            for name in CALLS:
                self.numbers.put(name, self.last)

    def arrive(self) -> None:
        """Wait until every Envoy that is called has the last one."""
        eventually(
            lambda: all(each.number == self.last for each in self.seen),
            seconds=30,
            what=f"{[each.number for each in self.seen]} become {self.last}",
        )


@contextlib.contextmanager
def changing(mesh: Up) -> Iterator[Changes]:
    """Call every service through an Envoy that holds a route to it."""
    with numbers_of(mesh) as numbers:
        with contextlib.ExitStack() as stack:
            seen = [
                stack.enter_context(Caller(outbound(mesh, proxy, name) + path))
                for name, (proxy, path) in CALLS.items()
            ]
            yield Changes(numbers, seen)
        for name in CALLS:
            numbers.drop(name)


def restarted(mesh: Up, pilot: str, end: signal.Signals, changes: Changes) -> None:
    """End a Pilot, change things without it, and have it back."""
    process = psutil.Process(mesh.status()[pilot]["pid"])
    changes.make()
    process.send_signal(end)
    psutil.wait_procs([process], timeout=30)
    changes.make()
    changes.arrive()
    mesh.do("kill", pilot)  # it counts as ended
    mesh.do("start", pilot)
    changes.make()
    changes.arrive()


def judged(changes: Changes) -> int:
    """Fail if a request failed or routes went back; return how many requests."""
    answers = sum((each.seen for each in changes.seen), Counter[str]())
    log.info("restarts", answers=dict(answers), changes=changes.last)
    assert set(answers) == {"200"}, answers
    back = [each.back for each in changes.seen if each.back]
    assert not back, "older routes than before"
    return answers.total()


def test_f_22_pilots_restart_in_turn_and_nobody_is_given_less_than_it_had(
    mesh: Up,
) -> None:
    with changing(mesh) as changes:
        for pilot, end in zip(PILOTS, ENDS, strict=True):
            restarted(mesh, pilot, end, changes)
    assert judged(changes) > 100
    eventually(
        lambda: [row["connected"] for row in mesh.proxies().values()] == [True] * 7,
        seconds=30,
        what="every proxy has found a Pilot again",
    )


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_f_22_two_hundred_thousand_requests_while_pilots_restart() -> None:
    with demo("--capture=explicit") as mesh, changing(mesh) as changes:
        for pilot, end in zip(cycle(PILOTS), cycle((*ENDS, *ENDS[::-1]))):
            restarted(mesh, pilot, end, changes)
            if sum(each.seen.total() for each in changes.seen) >= 200_000:
                break
    assert judged(changes) >= 200_000
