"""The requests of the last minutes, from the ends of logs, as far back as need be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.ctl.why.hop import read
from meltemi.ctl.why.past import MOST, Past

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import BinaryIO

    from meltemi.ctl.why.hop import Hop

LATE_SECONDS: Final = 60.0
"""How much older than the window the newest of a block is, where nobody reads on: a
line is written when its request has ended, and up to ten seconds late."""
SILENT: Final = 16 * 1024 * 1024
"""Bytes without a request after which a log is none of a proxy."""


@dataclass(slots=True)
class Recent:
    """Reads what began since, of all logs.

    Attributes:
        logs: The logs, open, by the names of their proxies.
        since: In seconds since the epoch.
        most: Bytes of each that are read.
        tails: The names of those that are only the ends of logs.
        begins: Where a log does not reach back as far: when the oldest request began
            that could be read of it.

    """

    logs: Mapping[str, BinaryIO]
    since: float
    most: int = MOST
    tails: Collection[str] = ()
    begins: dict[str, float] = field(default_factory=dict[str, float])

    def hops(self) -> Iterator[Hop]:
        """Yield the requests of each log, and know then which of them was cut."""
        for name, log in self.logs.items():
            yield from self._of(Past.of(name, log, self.most))

    def _of(self, past: Past) -> Iterator[Hop]:
        oldest: float | None = None
        while not past.ended and self._goes_on(past):
            lines = past.block().decode(errors="replace").splitlines()
            for hop in read(past.name, lines):
                began = hop.began
                if hop.request_id and began is not None and began >= self.since:
                    oldest = began if oldest is None else min(began, oldest)
                    yield hop
        there_was_more = past.cut or (past.ended and past.name in self.tails)
        if oldest is not None and there_was_more and self._goes_on(past):
            self.begins[past.name] = oldest

    def _goes_on(self, past: Past) -> bool:
        """Tell whether what is older in a log may be of the window."""
        if past.newest is None:
            return past.read < SILENT
        return past.newest > self.since - LATE_SECONDS
