"""What kinds of meshes there are to play."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from meltemi.testkit.corpus.objects import Protocol

DECK = (Protocol.HTTP,) * 7 + (Protocol.TCP,) * 2 + (Protocol.TLS,)


class Profile(StrEnum):
    """A kind of mesh."""

    HTTP = "http"
    """Every service speaks HTTP, and every proxy sees all."""
    TCP = "tcp"
    """Every service is TCP at an address of its own: a listener each, no tables."""
    MIXED = "mixed"
    """Of ten services seven speak HTTP, two TCP, one TLS; each has an address."""
    SIDECAR = "sidecar"
    """HTTP, and in each namespace a Sidecar that names the few it reaches."""

    @property
    def deck(self) -> tuple[Protocol, ...]:
        """What services speak, by turns of so many, in the order a seed gives."""
        if self is Profile.MIXED:
            return DECK
        return (Protocol.TCP if self is Profile.TCP else Protocol.HTTP,)

    @property
    def changed(self) -> Protocol:
        """What those services speak whose weights change, and those that appear."""
        return self.deck[0]

    @property
    def addressed(self) -> bool:
        """Whether services have an address of their own: what is not HTTP needs one."""
        return self in (Profile.TCP, Profile.MIXED)

    @property
    def scoped(self) -> bool:
        """Whether a namespace reaches only some of the others."""
        return self is Profile.SIDECAR

    @property
    def tabled(self) -> bool:
        """Whether proxies fetch tables, in which virtual hosts could be apart."""
        return self is not Profile.TCP


@dataclass(frozen=True)
class Shape:
    """Which mesh: the same shape is the same mesh, to the byte.

    Attributes:
        services: How many.
        routes: How many of them have a VirtualService.
        namespaces: Service J lives in namespace J modulo this.
        profile: What kind.
        seed: What everything that is drawn is drawn from.
        addressed: Services have an address even where the profile needs none.

    """

    services: int
    routes: int
    namespaces: int = 50
    profile: Profile = Profile.HTTP
    seed: int = 1
    addressed: bool = False
