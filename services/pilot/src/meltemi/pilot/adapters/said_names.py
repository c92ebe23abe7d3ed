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
    """Return where the names of a request stand, if it is written as Envoy does."""
    at = 0
    while at < len(data) and data[at] in BEFORE:
        at += 1
        size = shift = 0
        while at < len(data):
            byte = data[at]
            at += 1
            size |= (byte & LOW) << shift
            shift += 7
            if byte <= LOW:
                break
        at += size
    return at
