"""Answers about the mesh. No I/O."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from meltemi.proxy.dns.message import (
    AAAA,
    CNAME,
    INTERNET,
    OF_QUESTION,
    POINTER,
    RECORD,
    A,
    answer,
)
from meltemi.proxy.dns.names import LIFE_SECONDS

if TYPE_CHECKING:
    from meltemi.proxy.dns.message import Query
    from meltemi.proxy.dns.names import Found


def mesh_answer(asked: Query, found: Found, turn: int, limit: int) -> bytes | None:
    """Return the answer about a host of the mesh; None for types others know better.

    A host without an address of the family that is asked for has no records: it is
    there all the same. Each ``turn`` begins with another address.

    Source:
        Istio's agent answers A and AAAA, and passes on everything else.

    """
    if asked.klass != INTERNET or asked.kind not in (A, AAAA):
        return None
    tails = found.addresses.of(asked.kind)
    if not tails:
        return answer(asked, (), limit)
    first = turn % len(tails)
    turned = tails[first:] + tails[:first]
    if not found.target:
        return answer(asked, [OF_QUESTION + each for each in turned], limit)
    alias = OF_QUESTION + RECORD.pack(CNAME, INTERNET, LIFE_SECONDS, len(found.target))
    target_at = asked.end + len(alias)
    owner = struct.pack(">H", POINTER << 8 | target_at)
    return answer(asked, [alias + found.target, *(owner + e for e in turned)], limit)
