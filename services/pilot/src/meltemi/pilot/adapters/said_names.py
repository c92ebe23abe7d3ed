"""The names in a request of a state-of-the-world stream, which says them every time.

An acknowledgement repeats all that its proxy asks for: of a thousand clusters 45 KB,
of which only the nonce is new. They stand together, as the bytes they were last time.

Source: envoy/service/discovery/v3/discovery.proto, for the fields' numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

from meltemi.kernel.varint import LOW
from meltemi.pilot.adapters.ads_codec import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable

BEFORE: Final = (1 << 3 | 2, 2 << 3 | 2)
"""How the fields begin that Envoy writes before names: version_info, node."""
LONGEST: Final = 10
"""Bytes of a length at most (protobuf.dev/programming-guides/encoding)."""
NAME: Final = bytes((3 << 3 | 2,))
"""How a name begins."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class SaidNames:
    """Names, and the bytes that say them in a request."""

    block: bytes
    names: frozenset[str]

    def taken_out(self, data: bytes) -> bytes | None:
        """Return ``data`` without its names, where they are these; else None."""
        begin = names_begin(data)
        end = begin + len(self.block)
        if not data.startswith(self.block, begin) or data.startswith(NAME, end):
            return None
        return data[:begin] + data[end:]


@dataclass(slots=True)
class Vocabulary:
    """What proxies say, kept once for all that say the same, as long as one does."""

    said: WeakValueDictionary[bytes, SaidNames] = field(
        default_factory=WeakValueDictionary["bytes", "SaidNames"]
    )

    def read(
        self, data: bytes, known: Iterable[SaidNames]
    ) -> tuple[DiscoveryRequest, SaidNames]:
        """Return a request without its names, and those.

        Args:
            data: The message.
            known: What the stream said before: the same again is not read anew.

        Raises:
            MalformedRequestError: If it is no DiscoveryRequest.

        """
        for each in known:
            rest = each.taken_out(data)
            if rest is not None:
                message = parsed(DiscoveryRequest, rest)
                if not message.resource_names:  # some may stand elsewhere
                    return message, each
        message = parsed(DiscoveryRequest, data)
        names = DiscoveryRequest(resource_names=message.resource_names)
        message.ClearField("resource_names")
        block = names.SerializeToString()
        said = self.said.get(block)
        if said is None:
            said = SaidNames(block, frozenset(names.resource_names))
            self.said[block] = said
        return message, said


def names_begin(data: bytes) -> int:
    """Return where the names of a request stand, if it is written as Envoy does.

    However long a message is, and whoever wrote it, so few bytes of it are read.
    """
    at = 0
    for kind in BEFORE:
        if data[at : at + 1] != bytes((kind,)):
            continue
        size = 0
        for place, byte in enumerate(data[at + 1 : at + 1 + LONGEST]):
            size |= (byte & LOW) << 7 * place
            if byte <= LOW:
                at += 2 + place + size
                break
        else:
            return at
    return at
