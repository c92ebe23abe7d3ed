"""Long answers end with the right to have them: it is asked for again and again."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from meltemi.galley.permission import check_reading
from meltemi.galley.refusals import ForbiddenError, UnauthenticatedError
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.galley.adapters.callers import Evidence
    from meltemi.galley.permission import Caller

PAUSE_SECONDS: Final = 0.5
"""Between two looks of one client; as long a look serves all with its evidence.

A withdrawn right is noticed within twice that time.
"""


class Readers(Protocol):
    """Tells who reads, by what is shown."""

    async def reader(self, evidence: Evidence) -> Caller | None:
        """Return who it is, None for anybody; raise `UnauthenticatedError`."""
        ...


@dataclass(frozen=True, slots=True)
class Right:
    """What somebody does for long, and what it showed to be let in."""

    evidence: Evidence
    verb: str
    kind: str
    namespace: str
    """``*``: all of them."""

    def check(self, caller: Caller | None) -> None:
        """Raise `ForbiddenError` if ``caller`` may not; None is anybody."""
        if caller is not None:
            check_reading(caller, self.verb, self.kind, self.namespace)


@dataclass
class _Look:
    """What was found when evidence was last looked at."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    watchers: int = 0
    at: float = -PAUSE_SECONDS
    caller: Caller | None = None
    refusal: UnauthenticatedError | None = None


class Vigil:
    """Looks at the evidence of those who stay: once for all who show the same."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._looks: dict[Evidence, _Look] = {}

    async def over(self, right: Right) -> ForbiddenError | UnauthenticatedError:
        """Wait until ``right`` no longer holds; return why.

        While it cannot be found out, as the ledger is away, it holds.
        """
        with self._kept(right.evidence) as look:
            while True:
                await asyncio.sleep(PAUSE_SECONDS)
                try:
                    right.check(await self._caller(right.evidence, look))
                except (ForbiddenError, UnauthenticatedError) as error:
                    return error
                except MeshError:
                    continue

    @contextmanager
    def _kept(self, evidence: Evidence) -> Iterator[_Look]:
        look = self._looks.setdefault(evidence, _Look())
        look.watchers += 1
        try:
            yield look
        finally:
            look.watchers -= 1
            if not look.watchers:
                del self._looks[evidence]

    async def _caller(self, evidence: Evidence, look: _Look) -> Caller | None:
        async with look.turn:
            now = asyncio.get_running_loop().time()
            if now - look.at >= PAUSE_SECONDS:
                look.refusal = None
                try:
                    look.caller = await self._readers.reader(evidence)
                except UnauthenticatedError as error:
                    look.refusal = error
                look.at = now
        if look.refusal is not None:
            raise look.refusal
        return look.caller
