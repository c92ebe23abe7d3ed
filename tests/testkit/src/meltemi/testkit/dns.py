"""Questions for nameservers, and their answers taken apart: a resolver's side of DNS."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

A, CNAME, SOA, MX, AAAA, SRV, OPT = 1, 5, 6, 15, 28, 33, 41
TRUNCATED: Final = 0x0200


def encoded(host: str) -> bytes:
    """Return a name as it stands in a message."""
    labels = [each.encode() for each in host.rstrip(".").split(".") if each]
    return b"".join(bytes([len(each)]) + each for each in labels) + b"\0"


def question(host: str, kind: int = A, *, ident: int = 7, size: int = 0) -> bytes:
    """Return a question; with a ``size`` it says what it takes over UDP."""
    head = struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 1 if size else 0)
    opt = b"\0" + struct.pack(">HHIH", 41, size, 0, 0) if size else b""
    return head + encoded(host) + struct.pack(">HH", kind, 1) + opt


Record = tuple[str, int, int, str]


@dataclass(frozen=True)
class Reply:
    """An answer, taken apart.

    Attributes:
        records: Name, type, seconds to live and value, of the answer only.
        more: The same of what comes beside it.

    """

    ident: int
    flags: int
    asked: str
    records: list[Record]
    more: list[Record]

    @property
    def code(self) -> int:
        """The code of the answer."""
        return self.flags & 0xF

    @property
    def truncated(self) -> bool:
        """Whether there is more over TCP."""
        return bool(self.flags & TRUNCATED)

    @property
    def values(self) -> list[str]:
        """The values of the addresses among the records."""
        return [value for _, kind, _, value in self.records if kind in (A, AAAA)]


def taken_apart(raw: bytes) -> Reply:
    """Return what ``raw`` says; raise on what no resolver would understand."""
    ident, flags, questions, *counts = struct.unpack_from(">HHHHHH", raw)
    assert flags & 0x8000, "not an answer"
    at, asked = 12, ""
    for _ in range(questions):
        asked, at = _name(raw, at)
        at += 4
    parts: list[list[Record]] = []
    for count in counts:
        found: list[Record] = []
        for _ in range(count):
            record, at = _record(raw, at)
            found.append(record)
        parts.append(found)
    records, _, more = parts
    return Reply(ident, flags, asked, records, [e for e in more if e[1] != OPT])


def _record(raw: bytes, at: int) -> tuple[Record, int]:
    owner, at = _name(raw, at)
    kind, _, life, size = struct.unpack_from(">HHIH", raw, at)
    at += 10
    data = raw[at : at + size]
    assert len(data) == size
    value = ""
    if kind == CNAME:
        value = _name(raw, at)[0]
    elif kind == SRV:
        numbers = struct.unpack_from(">HHH", raw, at)
        value = " ".join([*map(str, numbers), _name(raw, at + 6)[0]])
    elif kind in (A, AAAA):
        value = str(ipaddress.ip_address(data))
    return (owner, kind, life, value), at + size


def _name(raw: bytes, at: int) -> tuple[str, int]:
    labels: list[str] = []
    end = 0
    while length := raw[at]:
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | raw[at + 1]
            continue
        labels.append(raw[at + 1 : at + 1 + length].decode("latin-1"))
        at += length + 1
    return ".".join(labels), end or at + 1


def told(
    asked: bytes, *values: str, life: int = 60, code: int = 0, truncated: bool = False
) -> bytes:
    """Return a nameserver's answer to ``asked``: addresses, or a code."""
    end = 12
    while asked[end]:
        end += asked[end] + 1
    end += 5
    flags = 0x8180 | code | (TRUNCATED if truncated else 0)
    head = asked[:2] + struct.pack(">HHHHH", flags, 1, len(values), 0, 0)
    records = b""
    for value in values:
        packed = ipaddress.ip_address(value).packed
        kind = A if len(packed) == 4 else AAAA
        records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, life, len(packed))
        records += packed
    return head + asked[12:end] + records


def absent(asked: bytes, *, life: int, least: int, code: int = 3) -> bytes:
    """Return "there is none", and for how long the zone says that holds."""
    empty = told(asked, code=code)
    data = b"\0\0" + struct.pack(">IIIII", 1, 2, 3, 4, least)
    soa = b"\xc0\x0c" + struct.pack(">HHIH", SOA, 1, life, len(data)) + data
    return empty[:8] + struct.pack(">HH", 1, 0) + empty[12:] + soa
