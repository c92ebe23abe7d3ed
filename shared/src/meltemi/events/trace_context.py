"""Where a span stands among others: W3C trace context, and the trace of a change.

Nobody has to carry a change's trace along: it follows from the epoch and the revision,
so every Galley and every Pilot finds the same one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from meltemi.kernel.names import Epoch, Revision

TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
SAMPLED: Final = 0x01
SPAN_BYTES: Final = 8
MOST: Final = 2**64
"""One more than the largest number that the last 8 bytes of a trace id can be."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span of one trace, and whether anybody is to hear of it."""

    trace_id: int
    span_id: int
    sampled: bool

    def __str__(self) -> str:
        """Return it as a ``traceparent``."""
        flags = SAMPLED if self.sampled else 0
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{flags:02x}"

    @classmethod
    def parse(cls, text: str) -> TraceContext | None:
        """Return what a ``traceparent`` says; None where it says nothing.

        Source:
            W3C Trace Context §3.2: ids of zeros, and what is malformed, are ignored.

        """
        found = TRACEPARENT.fullmatch(text.strip())
        if found is None:
            return None
        trace_id, span_id, flags = (int(each, 16) for each in found.groups())
        if not trace_id or not span_id:
            return None
        return cls(trace_id, span_id, sampled=bool(flags & SAMPLED))


def change_trace(epoch: Epoch, revision: Revision, share: float) -> TraceContext:
    """Return where the trace of a change begins: the span of its write.

    ``share`` of all changes, from 0 to 1, are sampled: everybody with the same share
    samples the same ones.
    """
    whole = blake2b(f"{epoch}/{revision}".encode(), digest_size=24).digest()
    trace_id = int.from_bytes(whole[:-SPAN_BYTES])
    span_id = int.from_bytes(whole[-SPAN_BYTES:]) or 1
    return TraceContext(trace_id or 1, span_id, sampled=trace_id % MOST < share * MOST)
