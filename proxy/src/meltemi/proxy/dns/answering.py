"""Answers about the mesh. No I/O."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from meltemi.proxy.dns.message import (
    AAAA,
    CNAME,
    INTERNET,
    OF_QUESTION,
    POINTER,
    RECORD,
    SRV,
    A,
    answer,
)
from meltemi.proxy.dns.names import LIFE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.proxy.dns.message import Query
    from meltemi.proxy.dns.names import Found

SERVER: Final = struct.Struct(">HHH")
"""Priority, weight and port, which the name follows (RFC 2782)."""
WEIGHTS: Final = 100
"""What the servers of a port share, as with Kubernetes' DNS."""


def mesh_answer(asked: Query, found: Found, turn: int, limit: int) -> bytes | None:
    """Return the answer about a host of the mesh; None for types others know better.

    A host without an address of the family that is asked for has no records: it is
    there all the same; so is the name of a port, which has none but SRV. Each ``turn``
    begins with another address, or server of a port.

    Source:
        Istio's agent answers A and AAAA, and passes on everything else.

    """
    is_port = bool(found.servers)
    if asked.klass != INTERNET or asked.kind not in (
        (SRV, A, AAAA) if is_port else (A, AAAA)
    ):
        return None
    tails = _servers(found) if asked.kind == SRV else found.addresses.of(asked.kind)
    if not tails:
        return answer(asked, (), limit)
    turned, owner, alias = _turned(tails, turn), OF_QUESTION, list[bytes]()
    if found.target:
        head = OF_QUESTION + RECORD.pack(
            CNAME, INTERNET, LIFE_SECONDS, len(found.target)
        )
        owner = struct.pack(">H", POINTER << 8 | asked.end + len(head))
        alias = [head + found.target]
    records = [*alias, *(owner + each for each in turned)]
    more = _where(found, turn) if asked.kind == SRV else ()
    return answer(asked, records, limit, more=more)


def _turned(tails: Sequence[bytes], turn: int) -> Sequence[bytes]:
    first = turn % len(tails)
    return (*tails[first:], *tails[:first])


def _servers(found: Found) -> list[bytes]:
    """Return the records of a port's servers, without the name before them."""
    weight = max(1, WEIGHTS // len(found.servers))
    data = (SERVER.pack(0, weight, found.port) + e.host for e in found.servers)
    return [RECORD.pack(SRV, INTERNET, LIFE_SECONDS, len(e)) + e for e in data]


def _where(found: Found, turn: int) -> list[bytes]:
    """Return the records of the servers' addresses, which will be asked for next."""
    servers = found.servers
    return [
        each.host + tail
        for each in servers
        for kind in (A, AAAA)
        for tail in (_turned(each.of(kind), turn) if each.of(kind) else ())
    ]
