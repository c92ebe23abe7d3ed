"""What one task waits for, over and over, and any callback may set."""

from __future__ import annotations

import asyncio


class Wake:
    """Like an `asyncio.Event` that one task waits for and that clears itself.

    It does not ask for the running loop at each wait: CPython 3.11 asks the kernel for
    the process id then, which is a tenth of what a push costs.
    """

    __slots__ = ("_due", "_loop", "_waiter")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._due = False

    def set(self) -> None:
        """Have the task go on, now or when it waits next."""
        self._due = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Return once it was set after the last return."""
        if not self._due:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._due = False
