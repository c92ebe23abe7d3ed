"""How late the event loop is: whoever waits on it waits as long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_SECONDS: Final = 0.1


async def watch_lag(
    tell: Callable[[float], object], every: float = EVERY_SECONDS
) -> None:
    """Tell again and again by how many seconds the loop was late.

    Args:
        tell: Is given a number of seconds, 0 or more.
        every: Seconds between two looks.

    """
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        await asyncio.sleep(every)
        tell(max(0.0, loop.time() - due))
