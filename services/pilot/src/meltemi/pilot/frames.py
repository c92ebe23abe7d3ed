"""Responses put together from bytes: what a thousand proxies share is made once.

A field of a message is its number and kind, its length, its bytes; messages may be
joined at field boundaries. So the bytes before a resource's body are made when the
resource is, and a response is one join.

Source: protobuf.dev/programming-guides/encoding; the numbers are those of
envoy/service/discovery/v3/discovery.proto and google/protobuf/any.proto.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from meltemi.kernel.varint import varint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.xds.types import TypeUrl

RESOURCES: Final = 2
TYPE_URL: Final = 4
NONCE: Final = 5
REMOVED: Final = 6
SYSTEM_VERSION: Final = 1
VERSION_INFO: Final = 1


def head(number: int, size: int) -> bytes:
    """Return what stands before ``size`` bytes of field ``number``."""
    return varint(number << 3 | 2) + varint(size)


def field(number: int, data: str | bytes) -> bytes:
    """Return field ``number`` with ``data``."""
    raw = data.encode() if isinstance(data, str) else data
    return head(number, len(raw)) + raw


_word = lru_cache(512)(field)
"""What the responses of a moment say alike: versions, types, and numbers of answers."""


def any_head(kind: TypeUrl, size: int) -> bytes:
    """Return what stands before a body of ``size`` bytes in an Any of ``kind``."""
    return field(1, kind) + head(2, size)


def whole_head(kind: TypeUrl, size: int) -> bytes:
    """Return what stands before a body in a DiscoveryResponse."""
    inner = any_head(kind, size)
    return head(RESOURCES, len(inner) + size) + inner


def delta_head(kind: TypeUrl, name: str, version: str, size: int) -> bytes:
    """Return what stands before a body in a DeltaDiscoveryResponse."""
    inner = any_head(kind, size)
    about = field(1, version) + field(3, name) + head(2, len(inner) + size) + inner
    return head(RESOURCES, len(about) + size) + about


def delta_response(
    kind: TypeUrl, removed: Iterable[str], system: str, nonce: str
) -> list[bytes]:
    """Return a DeltaDiscoveryResponse without its resources, in pieces."""
    made = [_word(SYSTEM_VERSION, system), _word(TYPE_URL, kind), _word(NONCE, nonce)]
    made += [field(REMOVED, each) for each in removed]
    return made


def whole_response(kind: TypeUrl, version: str, nonce: str) -> list[bytes]:
    """Return a DiscoveryResponse without its resources, in pieces."""
    return [_word(VERSION_INFO, version), _word(TYPE_URL, kind), _word(NONCE, nonce)]
