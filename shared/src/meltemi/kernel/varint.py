"""Whole numbers as protobuf writes them.

Source: protobuf.dev/programming-guides/encoding, Base 128 Varints.
"""

from __future__ import annotations

LOW: int = 0x7F
SHORT = tuple(bytes((each,)) for each in range(LOW + 1))
"""The numbers of one byte: most are."""


def varint(value: int) -> bytes:
    """Return ``value``, which is not negative: seven bits a byte, the lowest first."""
    if value <= LOW:
        return SHORT[value]
    made = bytearray()
    while value > LOW:
        made.append(value & LOW | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
