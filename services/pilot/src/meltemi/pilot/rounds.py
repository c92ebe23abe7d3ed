"""When proxies are told of changes: the first at once, more in rounds that take turns.

::

    change ──▶ round ··········· pause ──▶ round ····
                  change change  ──────────▲
                  (together)

Without pauses every change of many would be a round of its own, however late it is:
what brings changes gets its turn between two rounds, for one change each time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_PAUSE_SECONDS: Final = 0.1
"""Changes do not wait longer for each other: performance.md's ceiling of a batch."""


class Rounds:
    """Calls ``tell`` for changes, and pauses after that as long as it kept the loop."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell, self._news = tell, asyncio.Event()

    def due(self) -> None:
        """Have a change told of, now or with the next round."""
        self._news.set()

    async def run(self) -> None:
        """Tell of changes until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._news.wait()
            self._news.clear()
            begun = loop.time()
            self._tell()
            for _ in range(2):  # who waits is woken, and then does what it has to
                await asyncio.sleep(0)
            await asyncio.sleep(min(loop.time() - begun, LONGEST_PAUSE_SECONDS))
