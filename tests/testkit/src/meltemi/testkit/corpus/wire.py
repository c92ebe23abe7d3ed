"""Protobuf by hand: a source of configuration that shares no code with who reads it.

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def varint(number: int) -> bytes:
    """Return ``number`` in groups of seven bits, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def num(field: int, number: int) -> bytes:
    """Return a field that holds a number."""
    return varint(field << 3) + varint(number)


def msg(field: int, *parts: bytes | str) -> bytes:
    """Return a field that holds text, or a message of the fields ``parts``."""
    body = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield the fields of a message; those of fixed width are passed over."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
        elif kind == 2:
            size, at = _varint(data, at)
            yield key >> 3, data[at : at + size]
            at += size
        else:
            at += 8 if kind == 1 else 4


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at ``at``, and where it ends."""
    shift = number = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at
