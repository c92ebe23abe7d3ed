"""The messages of the SPIFFE Workload API that carry JWT-SVIDs. No I/O.

Source:
    SPIFFE Workload API, workload.proto: requests hold strings alone; a bundle is a
    JWK set, under the SPIFFE id of its trust domain.

"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import msgspec
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from meltemi.identity.wire import InvalidMessageError
from meltemi.proxy.workload_api import BYTES_WITH_LENGTH, SEVEN_BITS, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.identity.svid_wire import SvidAnswer
    from meltemi.proxy.svid_check import Proved

LONGEST_VARINT: Final = 10
"""Bytes (Protocol Buffers encoding, Base 128 Varints)."""


@dataclass(frozen=True, slots=True)
class JwtSvidAsked:
    """A ``JWTSVIDRequest``: for whom, and as who; empty: as whoever we are."""

    audience: tuple[str, ...]
    spiffe_id: str

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read a message; raise `InvalidMessageError` if ``raw`` is none."""
        found = list(_strings(raw))
        return cls(
            tuple(text for number, text in found if number == 1), _last(found, 2)
        )


@dataclass(frozen=True, slots=True)
class ValidationAsked:
    """A ``ValidateJWTSVIDRequest``: a token, and whom it should be for."""

    audience: str
    svid: str

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read a message; raise `InvalidMessageError` if ``raw`` is none."""
        found = list(_strings(raw))
        return cls(_last(found, 1), _last(found, 2))


def jwt_svids(answer: SvidAnswer) -> bytes:
    """Return a ``JWTSVIDResponse`` with one token."""
    svid = field(1, answer.identity.encode()) + field(2, answer.svid.encode())
    return field(1, svid)


def jwt_bundles(keys: Mapping[str, tuple[dict[str, str], ...]]) -> bytes:
    """Return a ``JWTBundlesResponse``: the keys of every trust domain in ``keys``."""
    made = b""
    for domain, each in sorted(keys.items()):
        jwks = msgspec.json.encode({"keys": each})
        made += field(1, field(1, f"spiffe://{domain}".encode()) + field(2, jwks))
    return made


def validated(proved: Proved) -> bytes:
    """Return a ``ValidateJWTSVIDResponse``: who it is, and all that it says."""
    claims = ParseDict(dict(proved.claims), Struct())
    return field(1, proved.spiffe_id.encode()) + field(
        2, claims.SerializeToString(deterministic=True)
    )


def _last(found: list[tuple[int, str]], wanted: int) -> str:
    """Return the value of a field that stands once; of several the last counts."""
    return next((text for number, text in reversed(found) if number == wanted), "")


def _strings(raw: bytes) -> Iterator[tuple[int, str]]:
    """Yield the fields of a message that holds nothing but strings."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        length, at = _varint(raw, at)
        if tag & 7 != BYTES_WITH_LENGTH or at + length > len(raw):
            raise InvalidMessageError(f"{len(raw)} bytes are no request for JWT-SVIDs")
        try:
            yield tag >> 3, raw[at : at + length].decode()
        except UnicodeDecodeError as error:
            raise InvalidMessageError(f"a text is not UTF-8: {error}") from error
        at += length


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(raw[at : at + LONGEST_VARINT]):
        value |= (byte & SEVEN_BITS) << 7 * place
        if byte <= SEVEN_BITS:
            return value, at + place + 1
    raise InvalidMessageError(f"{len(raw)} bytes end within a number")
