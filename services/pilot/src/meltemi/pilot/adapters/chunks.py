"""The bytes of what many proxies are sent, joined once for all of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.pilot.adapters.ads_codec import version_of
from meltemi.xds.layers import layers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meltemi.pilot.snapshot import Stored

    Find = Callable[[str, str], Stored]
    """Returns a resource by its name and version."""

FEW: Final = 8
"""So many resources are quicker joined than looked up."""
MOST_BYTES: Final = 64 << 20
NAMES: Final = 1024


@dataclass(slots=True)
class Joined:
    """Resources as one, and when they were asked for last."""

    part: Mapping[str, str]
    """Kept, as it is known by which object it is."""
    data: bytes
    turn: int = 0


@dataclass(slots=True)
class Chunks:
    """Joins resources; what is large and sent as one is remembered.

    Mappings from names to versions are known by which object they are: those of a
    snapshot, and of what leads from one to the next, are shared and never changed.
    """

    few: int = FEW
    joined: OrderedDict[tuple[int, bool], Joined] = field(
        default_factory=OrderedDict["tuple[int, bool]", "Joined"]
    )
    """The one that was asked for last stands last."""
    size: int = 0
    turns: int = 0
    versions: dict[int, tuple[object, str]] = field(
        default_factory=dict["int", "tuple[object, str]"]
    )

    def turn(self) -> None:
        """Take note of a new revision: what two of them did not ask for goes."""
        self.turns += 1
        while self.joined:
            oldest = next(iter(self.joined.values()))
            if oldest.turn >= self.turns - 2:
                return
            self._forget_oldest()

    def delta(self, contents: Mapping[str, str], find: Find) -> list[bytes]:
        """Return ``contents`` as they stand in a DeltaDiscoveryResponse."""
        return self._pieces(contents, find, delta=True)

    def whole(self, contents: Mapping[str, str], find: Find) -> list[bytes]:
        """Return ``contents`` as they stand in a DiscoveryResponse."""
        return self._pieces(contents, find, delta=False)

    def version(self, contents: Mapping[str, str]) -> str:
        """Return the version of a state-of-the-world response with ``contents``."""
        every = layers_of(contents)
        if len(every) == 1:
            return self._version(every[0])
        return version_of({f"{n}": self._version(each) for n, each in enumerate(every)})

    def _version(self, part: Mapping[str, str]) -> str:
        known = self.versions.get(id(part))
        if known is None:
            if len(self.versions) >= NAMES:
                self.versions.clear()
            known = self.versions[id(part)] = (part, version_of(part))
        return known[1]

    def _pieces(
        self, contents: Mapping[str, str], find: Find, *, delta: bool
    ) -> list[bytes]:
        pieces: list[bytes] = []
        for part in layers_of(contents):
            if len(part) <= self.few:
                pieces += _pieces(part, find, delta=delta)
                continue
            key = (id(part), delta)
            known = self.joined.get(key)
            if known is None:
                data = b"".join(_pieces(part, find, delta=delta))
                known = self.joined[key] = Joined(part, data)
                self.size += len(data)
            self.joined.move_to_end(key)
            known.turn = self.turns
            while self.size > MOST_BYTES and len(self.joined) > 1:
                self._forget_oldest()
            pieces.append(known.data)
        return pieces

    def _forget_oldest(self) -> None:
        _, oldest = self.joined.popitem(last=False)
        self.size -= len(oldest.data)


def _pieces(part: Mapping[str, str], find: Find, *, delta: bool) -> list[bytes]:
    pieces: list[bytes] = []
    for name, version in part.items():
        each = find(name, version)
        pieces += (each.delta_head if delta else each.whole_head, each.body)
    return pieces
