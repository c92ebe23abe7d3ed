"""Requests in the logs of all proxies: the newest first, and as far back as need be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from meltemi.ctl.why.hop import TAKEN_BY_NONE, Hop, read
from meltemi.ctl.why.past import BLOCK, MOST, Past

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import BinaryIO

    Pick = Callable[[str, bytes], list[Hop]]
    """Which requests are meant in a block of a proxy's log."""

MARGIN_SECONDS: Final = 600.0
"""How far apart the lines of one request are, at the most: what two hosts' clocks
differ by, and how late a proxy writes."""
ENOUGH: Final = 1000
"""Requests of one search: somebody may send the same id with each of theirs."""
SILENT: Final = 16 * BLOCK
"""A log with no request in as much is none of a proxy."""


@dataclass(slots=True)
class Search:
    """Looks through logs, each by the name of its proxy.

    Attributes:
        logs: The logs, open.
        most: Bytes of each that are read.
        tails: The names of those that are only the ends of logs.
        cut: The names of logs that are longer, and might have had more.
        full: Whether it ended since there was so much of what was looked for.

    """

    logs: Mapping[str, BinaryIO]
    most: int = MOST
    tails: Collection[str] = ()
    cut: set[str] = field(default_factory=set[str])
    full: bool = False

    def of(self, wanted: str) -> list[Hop]:
        """Return the request with this id, or the requests of the trace; oldest first.

        What belongs to the trace of the request that was found is part of it, too.
        """
        found = self._found(partial(_called, wanted), min)
        traces = {each.trace_id for each in found if each.trace_id} - {wanted}
        for trace in sorted(traces):
            since = min(each.began or 0.0 for each in found)
            found += self._found(partial(_called, trace), min, since)
        return sorted(dict.fromkeys(found), key=_order)

    def newest_failure(self) -> Hop | None:
        """Return the newest request that failed, if there is one."""
        found = self._found(_failed, max)
        return max(found, key=lambda each: each.start_time, default=None)

    def turned_away(self, callers: Collection[str], since: float) -> list[Hop]:
        """Return the connections from ``callers`` that a proxy would not take.

        No request came of them, so no request has their id.

        Args:
            callers: Their addresses, ``HOST:PORT``.
            since: When the request began that one of them was for.

        """
        return self._found(partial(_refused, callers), min, since)

    def _found(
        self,
        pick: Pick,
        reach: Callable[[list[float]], float],
        since: float | None = None,
    ) -> list[Hop]:
        """Return what ``pick`` picks, looking back at all logs alike.

        Each is read until ``reach`` of when what was found began, and a little
        further: what belongs together was written at about the same time.
        """
        pasts = [Past.of(name, log, self.most) for name, log in self.logs.items()]
        found: list[Hop] = []
        while pasts and len(found) < ENOUGH:
            for past in pasts:
                found += pick(past.name, past.block())
            until = reach([each.began or 0.0 for each in found]) if found else None
            ends = [each for each in (since, until) if each is not None]
            wanted = [each for each in pasts if _goes_on(each, min(ends, default=None))]
            self.cut |= {each.name for each in wanted if self._is_cut(each)}
            pasts = [each for each in wanted if not each.ended]
        self.full = self.full or len(found) >= ENOUGH
        return found

    def _is_cut(self, past: Past) -> bool:
        """Tell whether there is, or was, more than can be read."""
        return past.cut or (past.ended and past.name in self.tails)


def _order(hop: Hop) -> tuple[str, bool]:
    """Tell whose turn it was: who calls is before who is called."""
    return hop.start_time, hop.inbound


def _goes_on(past: Past, until: float | None) -> bool:
    """Tell whether what is older in a log may be of interest."""
    if until is None:
        return True
    if past.newest is None:
        return past.read < SILENT
    return past.newest > until - MARGIN_SECONDS


def _called(wanted: str, name: str, block: bytes) -> list[Hop]:
    word = json.dumps(wanted, ensure_ascii=False).encode()
    return [
        each
        for each in _lines(name, block, word)
        if wanted in (each.request_id, each.trace_id)
    ]


def _refused(callers: Collection[str], name: str, block: bytes) -> list[Hop]:
    return [
        each
        for each in _lines(name, block, TAKEN_BY_NONE.encode())
        if each.details == TAKEN_BY_NONE and each.downstream_remote_address in callers
    ]


def _failed(name: str, block: bytes) -> list[Hop]:
    """Return the newest request in a block that failed."""
    every = read(name, block.decode(errors="replace").splitlines())
    failed = [each for each in every if each.request_id and each.failed]
    return sorted(failed, key=lambda each: each.start_time)[-1:]


def _lines(name: str, block: bytes, word: bytes) -> Iterator[Hop]:
    """Yield the requests on the lines that have ``word`` in them."""
    at = block.find(word)
    while at >= 0:
        begin, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at)
        end = len(block) if end < 0 else end
        yield from read(name, [block[begin:end].decode(errors="replace")])
        at = block.find(word, end)
