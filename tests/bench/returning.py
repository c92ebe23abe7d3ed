"""All proxies lose their stream at once, and come back telling what they hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from measure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stage import Stage

QUIET_SECONDS = 1.0
LOOKS = 600


def reconnect(stage: Stage) -> Iterator[Figure]:
    """Yield what that costs when nothing changed, and how long one change takes then.

    A proxy that lacks nothing may be told nothing, so when it is back is not to be
    seen. The time is that of a change which is made just when all streams end: until
    the last proxy, on its new stream, has acknowledged it.
    """
    title, before = f"{stage.title} reconnect all", stage.spent_before
    received = _until_quiet(stage)
    stage.load.do("reconnect")
    stage.load.says("reconnected")
    came = _until_quiet(stage) - received
    yield Figure(f"{title}, received", came / 1024, "KiB")
    share = came / float(stage.ready["wire_in"]) * 100
    yield Figure(f"{title}, of a cold connect's bytes", share, "%")
    yield from stage.spent("reconnect all", before)
    stage.changes.arm("returned", "endpoint")
    stage.load.do("reconnect")
    stage.source.do("go returned")
    back = stage.load.says("reconnected")
    push = stage.changes.made("returned")
    took = push.sent_at + push.seconds - float(back["t_begin"])
    yield Figure(f"{title}, one endpoint changed", took, "s")
    _until_quiet(stage)


def _until_quiet(stage: Stage) -> int:
    """Return how many bytes the proxies received, once nothing moves any more.

    What they have yet to say counts, too: Pilot lets large requests in by turns.

    Raises:
        TimeoutError: If something moved between all of so many `LOOKS`.

    """
    moved = (-1, -1)
    for _ in range(LOOKS):
        before, moved = moved, _moved(stage)
        if moved == before:
            return moved[0]
        time.sleep(QUIET_SECONDS)
    raise TimeoutError(f"bytes move still after {LOOKS * QUIET_SECONDS:g} s: {moved}")


def _moved(stage: Stage) -> tuple[int, int]:
    state = stage.load.state()
    return int(state["wire_in"]), int(state["wire_out"])
