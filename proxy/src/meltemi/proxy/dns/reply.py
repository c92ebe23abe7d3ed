"""What nameservers say: whether it answers a question, how long it holds. No I/O."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from meltemi.proxy.dns.message import (
    HEADER,
    NO_ERROR,
    NO_SUCH_NAME,
    OPT,
    QUESTION,
    RCODE,
    RESPONSE,
    SOA,
    TRUNCATED,
    MalformedMessageError,
    answer,
    name_end,
    records,
)

if TYPE_CHECKING:
    from meltemi.proxy.dns.message import Query

LONGEST_SECONDS: Final = 3600
"""How long anything is kept, whatever it says of itself."""

LONGEST_ABSENT_SECONDS: Final = 900
"""The same of names that are not there: one that is made is there soon."""


def asked_as(asked: Query, ident: int) -> bytes:
    """Return the question as a nameserver is asked, with an id of our own."""
    return struct.pack(">H", ident) + asked.raw[2:]


def answers(raw: bytes, asked: Query, ident: int) -> bool:
    """Tell whether ``raw`` is an answer to ``asked``, sent with ``ident``.

    A guess of somebody else must hit the port, the id and the question.
    """
    try:
        told, flags, questions, *_ = HEADER.unpack_from(raw)
        if told != ident or not flags & RESPONSE:
            return False
        if questions != 1:
            return questions == 0 and code(raw) not in (NO_ERROR, NO_SUCH_NAME)
        end = name_end(raw, HEADER.size)
        same = raw[HEADER.size : end].lower() == asked.key
        return same and QUESTION.unpack_from(raw, end) == (asked.kind, asked.klass)
    except (IndexError, struct.error, MalformedMessageError):
        return False


def code(raw: bytes) -> int:
    """Return the code of an answer."""
    return raw[3] & RCODE


def truncated(raw: bytes) -> bool:
    """Tell whether there is more to be asked for over TCP."""
    return bool(raw[2] << 8 & TRUNCATED)


def settles(raw: bytes) -> bool:
    """Tell whether an answer is a word on the name, not an excuse of the server."""
    return code(raw) in (NO_ERROR, NO_SUCH_NAME)


def lifetime(raw: bytes, end: int) -> int:
    """Return for how many seconds an answer holds; 0: it must not be kept.

    ``end`` is where its question ends.

    Source:
        RFC 2308 section 5: what is not there is kept as long as the zone's SOA says,
        and not without one.

    """
    _, _, _, count, authorities, others = HEADER.unpack_from(raw)
    if not settles(raw) or truncated(raw):
        return 0
    try:
        found = list(records(raw, end, count + authorities + others))
    except MalformedMessageError:
        return 0
    lives = [each.life for each in found if each.kind != OPT]
    if count and lives and code(raw) == NO_ERROR:
        return min(*lives, LONGEST_SECONDS)
    for each in found[count : count + authorities]:
        if each.kind == SOA and each.data_end - each.data_at > QUESTION.size:
            (least,) = struct.unpack_from(">I", raw, each.data_end - 4)
            return int(min(*lives, least, LONGEST_ABSENT_SECONDS))
    return 0


def aged(raw: bytes, end: int, seconds: int) -> bytes:
    """Return a whole answer as it is ``seconds`` after it was given."""
    _, _, _, *counts = HEADER.unpack_from(raw)
    made = bytearray(raw)
    for each in records(raw, end, sum(counts)):
        if each.kind != OPT:
            struct.pack_into(">I", made, each.life_at, max(each.life - seconds, 0))
    return bytes(made)


def fitted(raw: bytes, asked: Query, limit: int) -> bytes:
    """Return a nameserver's answer as ``asked`` gets it: with its id and its letters.

    One that is too long keeps its question, and says that there is more.
    """
    _, flags, questions, *_ = HEADER.unpack_from(raw)
    if not questions:
        return answer(asked, (), limit, code=code(raw))
    if len(raw) > limit:
        head = asked.raw[:2] + struct.pack(">H", flags | TRUNCATED)
        empty = struct.pack(">HHHH", 1, 0, 0, 0)
        return head + empty + asked.raw[HEADER.size : asked.end]
    question = asked.raw[HEADER.size : asked.end]
    return asked.raw[:2] + raw[2 : HEADER.size] + question + raw[asked.end :]
