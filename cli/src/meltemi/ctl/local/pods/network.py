"""The pods of one mesh and the doors between them and the machine, as values. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX: Final = "10.255.0"
"""Of addresses that exist in the pods' own network alone."""
HUB: Final = f"{PREFIX}.1"
"""The way out of the pods: what answers their DNS, too."""
MASK: Final = 24
FIRST: Final = 2
LAST: Final = 254
MARK: Final = 1337
"""On what a proxy opens: with one user in the namespace nothing else tells its
connections from the application's."""
OUT_PORT: Final = 15999
"""Of the door in the hub for connections to elsewhere."""
HOME_PORT: Final = 15998
"""Of the door in each pod for what its proxy opens to 127.0.0.1: workloads that are
not in pods are registered there."""


class Way(StrEnum):
    """Where a door out of the pods leads, if not to a port of this machine."""

    ELSEWHERE = "elsewhere"
    """Where the caller meant to go."""
    HOME = "home"
    """To the port that the caller meant, on this machine's loopback."""
    NAMESERVER = "nameserver"
    """To the machine's nameserver, over TCP."""
    QUESTIONS = "questions"
    """Likewise, by datagrams."""


class TooManyPodsError(MeshError):
    """The network has no address left."""

    code = "local.too-many-pods"
    blame = Blame.CALLER


class Door(msgspec.Struct, frozen=True):
    """A port of this machine's loopback that leads to one of a pod's."""

    here: int
    pod: str
    there: int


class Network(msgspec.Struct, frozen=True):
    """What the process behind the pods is told.

    Attributes:
        pods: Their names, in the order of their addresses.
        captured: Those whose application's traffic goes through a proxy.
        inward: Doors from this machine into pods.
        outward: Ports of this machine's loopback that pods reach at theirs.
        rootless: Make a user namespace; otherwise we are root already.
        nets: A file to write, `Nets`, when all of it is there.
        ready: A port of loopback that accepts from then on.

    """

    pods: tuple[str, ...]
    captured: tuple[str, ...]
    inward: tuple[Door, ...]
    outward: tuple[int, ...]
    rootless: bool
    nets: str
    ready: int


class Nets(msgspec.Struct, frozen=True):
    """Where the namespaces of the pods are found.

    Attributes:
        pid: A process that is in their user and mount namespace.
        pods: Its file descriptors of their network namespaces.

    """

    pid: int
    pods: dict[str, int]


class Guest(msgspec.Struct, frozen=True):
    """Who asks for a pod of their own: they have it until they hang up."""

    pod: str
    outward: tuple[int, ...]
    """Ports of this machine's loopback that the pod reaches at its own."""


class Room(msgspec.Struct, frozen=True):
    """What they get: the pod's address, or why there is none."""

    address: str = ""
    refused: str = ""


def addresses(pods: Iterable[str]) -> dict[str, str]:
    """Return the address of each of ``pods``, which are made in this order."""
    found: dict[str, str] = {}
    for name in pods:
        found[name] = free_address(found.values())
    return found


def free_address(taken: Iterable[str]) -> str:
    """Return the first address that is not ``taken``.

    Raises:
        TooManyPodsError: If there is none.

    """
    used = set(taken)
    for number in range(FIRST, LAST + 1):
        if (address := f"{PREFIX}.{number}") not in used:
            return address
    raise TooManyPodsError(f"there are {len(used)} pods, and no address for another")


def link_of(address: str) -> str:
    """Return what the hub calls its end of the link to the pod at ``address``."""
    return f"pod{address.rpartition('.')[2]}"
