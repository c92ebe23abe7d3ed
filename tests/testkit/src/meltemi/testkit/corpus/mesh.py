"""A mesh to play, all of it drawn from a seed, and how it changes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.testkit.corpus.objects import (
    SERVICE_ENTRY,
    SIDECAR,
    VIRTUAL_SERVICE,
    Protocol,
    Reach,
    Route,
    Service,
)
from meltemi.testkit.corpus.wire import msg, num

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.testkit.corpus.profile import Shape

IMPORTS: Final = 4
"""Namespaces that a Sidecar names beside its own."""
EVERYWHERE: Final = "*"


class Change(NamedTuple):
    """What a change is, and where it is to be seen."""

    kind: str
    """Of the object that changed."""
    marker: bytes
    """Bytes that a response of xDS holds once it reflects the change."""
    types: str
    """Types of xDS that hold it, ``CDS+EDS``."""
    seen_from: str
    """Numbers of the namespaces whose proxies are told, ``3+17``, or ``*``."""


@dataclass
class Corpus:
    """The mesh as it is now, each object with its bytes."""

    shape: Shape
    services: list[Service]
    routes: list[Route]
    reaches: Sequence[Reach]
    encoded: dict[str, list[bytes]]
    """By kind."""
    moves: int = 0
    """Endpoints that got an address that no other has had."""

    @classmethod
    def of(cls, shape: Shape) -> Corpus:
        """Return the mesh of ``shape``."""
        services = list(_services(shape))
        routes = list(_routes(shape, services))
        reaches = tuple(_reaches(shape)) if shape.profile.scoped else ()
        encoded = {
            SERVICE_ENTRY: [each.encode() for each in services],
            VIRTUAL_SERVICE: [each.encode() for each in routes],
            SIDECAR: [each.encode() for each in reaches],
        }
        return cls(shape, services, routes, reaches, encoded)

    def seen_from(self, home: int) -> str:
        """Return the namespaces that reach ``home``, as `Change` says them."""
        if not self.reaches:
            return EVERYWHERE
        return "+".join(
            str(each.home)
            for each in self.reaches
            if home == each.home or home in each.imports
        )

    def endpoint(self, which: int, ip: str = "") -> Change:
        """Give the last endpoint of a service another address."""
        service = self.services[which]
        service.version += 1
        self.moves += 1
        n = self.moves
        ip = ip or f"10.{200 + n // 60000}.{n // 250 % 250}.{1 + n % 250}"
        service.endpoints[-1] = ip
        self.encoded[SERVICE_ENTRY][which] = service.encode()
        return self._changed(SERVICE_ENTRY, service, msg(2, ip), "EDS")

    def weight(self, which: int) -> Change:
        """Have a VirtualService split its traffic differently."""
        protocol = self.shape.profile.changed
        some = [each for each in self.routes if each.service.protocol is protocol]
        route = some[which % len(some)]
        route.version += 1
        route.weight = 1 + route.weight % 99
        self.encoded[VIRTUAL_SERVICE][self.routes.index(route)] = route.encode()
        # Envoy's ClusterWeight{name, weight}: a number is wrapped in tables only
        share = num(1, route.weight)
        weight = msg(2, share) if protocol is Protocol.HTTP else num(2, route.weight)
        marker = msg(1, route.service.cluster) + weight
        where = "RDS" if protocol is Protocol.HTTP else "LDS"
        return self._changed(VIRTUAL_SERVICE, route.service, marker, where)

    def add(self) -> Change:
        """Have a service appear."""
        index, protocol = len(self.services), self.shape.profile.changed
        home = (index - self.shape.services) % _homes(self.shape)
        service = _service(self.shape, index, 1, protocol)
        service.name, service.home = f"new-{index}", home
        self.services.append(service)
        self.encoded[SERVICE_ENTRY].append(service.encode())
        where = "RDS" if protocol is Protocol.HTTP else "LDS"
        marker = service.host.encode()
        return self._changed(SERVICE_ENTRY, service, marker, f"CDS+EDS+{where}")

    def _changed(
        self, kind: str, service: Service, marker: bytes, types: str
    ) -> Change:
        return Change(kind, marker, types, self.seen_from(service.home))


def _homes(shape: Shape) -> int:
    """Return in how many namespaces there are services."""
    return min(shape.namespaces, shape.services)


def _services(shape: Shape) -> Iterator[Service]:
    rng, deck = _drawn(shape, "protocols"), list(shape.profile.deck)
    for index in range(shape.services):
        if index % len(deck) == 0:
            rng.shuffle(deck)
        yield _service(shape, index, 1 + index % 5, deck[index % len(deck)])


def _service(shape: Shape, index: int, count: int, protocol: Protocol) -> Service:
    high, low = index // 250, 1 + index % 250
    ends = [f"10.{1 + k}.{high}.{low}" for k in range(count)]
    service = Service(
        index, f"svc-{index}", index % shape.namespaces, ends, protocol=protocol
    )
    if shape.addressed or shape.profile.addressed:
        service.vip = f"172.{16 + high // 250}.{high % 250}.{low}"
    return service


def _routes(shape: Shape, services: Sequence[Service]) -> Iterator[Route]:
    """Yield a route for the first services of each protocol, in proportion."""
    rng = _drawn(shape, "weights")
    by_protocol: Mapping[Protocol, list[Service]] = {
        each: [service for service in services if service.protocol is each]
        for each in Protocol
    }
    for some in by_protocol.values():
        count = max(1, shape.routes * len(some) // shape.services)
        for number, service in enumerate(some[:count]):
            other = _other(some, number, near=shape.profile.scoped)
            yield Route(service, other, rng.randint(1, 99))


def _other(some: Sequence[Service], number: int, *, near: bool) -> Service:
    """Return the next service; if ``near``, of the same namespace where there is one."""
    later = [*some[number + 1 :], *some[: number + 1]]
    if near:
        return next((e for e in later[:-1] if e.home == some[number].home), later[0])
    return later[0]


def _reaches(shape: Shape) -> Iterator[Reach]:
    rng, homes = _drawn(shape, "reach"), range(_homes(shape))
    for home in homes:
        others = [each for each in homes if each != home]
        drawn = rng.sample(others, min(IMPORTS, len(others)))
        yield Reach(home, tuple(sorted(drawn)))


def _drawn(shape: Shape, what: str) -> Random:
    """Return what ``what`` is drawn from, of which no other draw takes."""
    return Random(f"{shape.seed} {what}")  # noqa: S311 - a mesh is no secret
