"""Questions, and answers to them, as bytes. No I/O.

Only what has to be understood is read: the question, and whether the asker takes large
answers. A name is kept as it stands in the message, with the length before each label.

Source:
    RFC 1035 section 4 for messages, RFC 6891 for EDNS, RFC 6840 section 5.7 for CD.

"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEADER: Final = struct.Struct(">HHHHHH")
"""Id, flags, and how many questions, answers, authorities and others follow."""

QUESTION: Final = struct.Struct(">HH")
RECORD: Final = struct.Struct(">HHIH")
"""Type, class, seconds to live, and the length of what follows."""

A, CNAME, SOA, AAAA, SRV, OPT = 1, 5, 6, 28, 33, 41
INTERNET: Final = 1
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_SUCH_NAME, NOT_IMPLEMENTED = range(5)

RESPONSE, AUTHORITATIVE, TRUNCATED = 0x8000, 0x0400, 0x0200
RECURSION_DESIRED, RECURSION_AVAILABLE, CHECKING_DISABLED = 0x0100, 0x0080, 0x0010
OPERATION, RCODE = 0x7800, 0x000F
DNSSEC_OK: Final = 0x8000

LONGEST_LABEL, LONGEST_NAME = 63, 255
POINTER: Final = 0xC0
SMALLEST, LARGE, LARGEST = 512, 4096, 65_535
"""Bytes of an answer over UDP that any asker takes, or whoever says so; over TCP."""

OUR_SIZE: Final = 1232
"""What is said to be taken over UDP: it fits into any path's packets."""

OF_QUESTION: Final = struct.pack(">H", POINTER << 8 | HEADER.size)
"""The name of a record that is the name asked for."""


class MalformedMessageError(MeshError):
    """Bytes are not a message of DNS."""

    code = "dns.malformed"
    blame = Blame.CALLER


class Edns(NamedTuple):
    """What an asker says beside its question.

    Attributes:
        size: Bytes of an answer that it takes over UDP.
        dnssec: Whether it wants signatures, too.
        options: Whether it says more, which answers may depend on.

    """

    size: int
    dnssec: bool
    options: bool


class Record(NamedTuple):
    """Where the parts of one record are."""

    kind: int
    klass: int
    life: int
    """Seconds to live; of `OPT`: flags."""
    life_at: int
    data_at: int
    data_end: int


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    Attributes:
        raw: The whole message.
        key: The name in small letters.
        kind: The type that is asked for.
        end: Where the question ends.
        edns: What its `OPT` says, if it has one.

    """

    raw: bytes
    key: bytes
    kind: int
    klass: int
    flags: int
    end: int
    edns: Edns | None

    def limit(self, *, udp: bool) -> int:
        """Return how many bytes an answer may have."""
        if not udp:
            return LARGEST
        return min(max(self.edns.size, SMALLEST), LARGE) if self.edns else SMALLEST


def query(raw: bytes) -> Query:
    """Read a question.

    Raises:
        MalformedMessageError: If it is none, or not exactly one.

    """
    try:
        _, flags, questions, *counts = HEADER.unpack_from(raw)
        if flags & RESPONSE or questions != 1:
            raise MalformedMessageError(f"{questions} questions, expected one")
        end = name_end(raw, HEADER.size)
        kind, klass = QUESTION.unpack_from(raw, end)
        name, end = raw[HEADER.size : end], end + QUESTION.size
        edns = _edns(raw, end, sum(counts)) if any(counts) else None
    except (IndexError, struct.error) as error:
        raise MalformedMessageError(f"{len(raw)} bytes end too early") from error
    # A length is at most 63: it is no capital letter.
    return Query(raw, name.lower(), kind, klass, flags, end, edns)


def name_end(raw: bytes, at: int) -> int:
    """Return where the name at ``at`` ends, which must stand there as a whole.

    Raises:
        IndexError: If the message ends before.
        MalformedMessageError: If it is no name.

    """
    begun = at
    while length := raw[at]:
        if length > LONGEST_LABEL:
            raise MalformedMessageError(f"a label of {length} bytes, or a pointer")
        at += length + 1
    if at + 1 - begun > LONGEST_NAME:
        raise MalformedMessageError(f"a name of {at + 1 - begun} bytes")
    return at + 1


def _edns(raw: bytes, at: int, count: int) -> Edns | None:
    for each in records(raw, at, count):
        if each.kind == OPT:
            more = each.data_end > each.data_at
            return Edns(each.klass, bool(each.life & DNSSEC_OK), more)
    return None


def records(raw: bytes, at: int, count: int) -> Iterator[Record]:
    """Yield ``count`` records from ``at`` on.

    Raises:
        MalformedMessageError: If the message ends before, or a name is none.

    """
    for _ in range(count):
        try:
            while POINTER > (length := raw[at]) > 0:
                if length > LONGEST_LABEL:
                    raise MalformedMessageError(f"a label of {length} bytes")
                at += length + 1
            at += 2 if length else 1
            kind, klass, life, size = RECORD.unpack_from(raw, at)
        except (IndexError, struct.error) as error:
            raise MalformedMessageError(f"{len(raw)} bytes end too early") from error
        data = at + RECORD.size
        if data + size > len(raw):
            raise MalformedMessageError(f"a record beyond the end at {len(raw)}")
        yield Record(kind, klass, life, at + QUESTION.size, data, data + size)
        at = data + size


def address_record(kind: int, life: int, address: bytes) -> bytes:
    """Return a record of type A or AAAA, without the name before it."""
    return RECORD.pack(kind, INTERNET, life, len(address)) + address


def answer(
    asked: Query,
    found: Sequence[bytes],
    limit: int,
    *,
    code: int = NO_ERROR,
    more: Sequence[bytes] = (),
) -> bytes:
    """Return an answer of at most ``limit`` bytes, with as much as goes into it.

    What does not is asked for again over TCP. An answer about the mesh has authority.

    Args:
        asked: The question.
        found: The records that answer it.
        limit: Bytes.
        code: What became of it.
        more: Records that save the next question. Where they do not fit they are left
            out, and nothing is said of it (RFC 2181 section 9).

    """
    opt = _opt(asked.edns) if asked.edns else b""
    left = limit - asked.end - len(opt)
    fitting, left = _fitting(found, left)
    extra = _fitting(more, left)[0] if fitting == len(found) else 0
    flags = RESPONSE | RECURSION_AVAILABLE | code
    flags |= asked.flags & (RECURSION_DESIRED | CHECKING_DISABLED)
    if code == NO_ERROR:
        flags |= AUTHORITATIVE
    if fitting < len(found):
        flags |= TRUNCATED
    (ident,) = struct.unpack_from(">H", asked.raw)
    head = HEADER.pack(ident, flags, 1, fitting, 0, extra + bool(opt))
    question = asked.raw[HEADER.size : asked.end]
    return b"".join((head, question, *found[:fitting], *more[:extra], opt))


def _fitting(found: Sequence[bytes], left: int) -> tuple[int, int]:
    """Return how many of ``found`` go into ``left`` bytes, and what is left then."""
    fitting = 0
    for each in found:
        if len(each) > left:
            break
        left -= len(each)
        fitting += 1
    return fitting, left


def _opt(edns: Edns) -> bytes:
    flags = DNSSEC_OK if edns.dnssec else 0
    return b"\0" + RECORD.pack(OPT, OUR_SIZE, flags, 0)


def complaint(raw: bytes) -> bytes | None:
    """Return the answer to what is no proper question; None where there is none.

    An answer to an answer could go to and fro for ever.
    """
    if len(raw) < HEADER.size:
        return None
    ident, flags, *_ = HEADER.unpack_from(raw)
    if flags & RESPONSE:
        return None
    kept = flags & (OPERATION | RECURSION_DESIRED)
    return HEADER.pack(ident, RESPONSE | kept | FORMAT_ERROR, 0, 0, 0, 0)
