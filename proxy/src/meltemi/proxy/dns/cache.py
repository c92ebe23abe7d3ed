"""Answers of nameservers, as long as they hold. No I/O, and no clock of its own."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.proxy.dns.message import CHECKING_DISABLED, RECURSION_DESIRED
from meltemi.proxy.dns.reply import aged, lifetime

if TYPE_CHECKING:
    from meltemi.proxy.dns.message import Query

MOST: Final = 4096
"""Answers; the ones used least recently go first. Some 2 MB of usual ones."""

_Key = tuple[bytes, int, int, int, bool, bool]


@dataclass(frozen=True, slots=True)
class _Kept:
    raw: bytes
    since: float
    seconds: int


class Cache:
    """A bounded memory of answers; ``now`` is in seconds, and never goes back."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    def get(self, asked: Query, now: float) -> bytes | None:
        """Return the answer to ``asked`` as it is by now, with the first asker's id."""
        key = _key(asked)
        kept = self._kept.get(key) if key else None
        if key is None or kept is None:
            return None
        age = int(now - kept.since)
        if age >= kept.seconds:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return aged(kept.raw, asked.end, age) if age else kept.raw

    def put(self, asked: Query, raw: bytes, now: float) -> None:
        """Keep an answer for as long as it says it holds."""
        key, seconds = _key(asked), lifetime(raw, asked.end)
        if key is None or not seconds:
            return
        self._kept[key] = _Kept(raw, now, seconds)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _key(asked: Query) -> _Key | None:
    """Return what the answer depends on; None for askers who say more than is read."""
    edns = asked.edns
    if edns and edns.options:
        return None
    flags = asked.flags & (RECURSION_DESIRED | CHECKING_DISABLED)
    signed = bool(edns and edns.dnssec)
    return (asked.key, asked.kind, asked.klass, flags, edns is not None, signed)
