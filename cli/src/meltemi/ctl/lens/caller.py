"""Who asks a workload, and what it says to it in the handshake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.ctl.lens.address import is_address
from meltemi.ctl.lens.client_tls import client_tls, knows
from meltemi.ctl.lens.held import held
from meltemi.ctl.lens.journey import principal
from meltemi.ctl.lens.proxies import named
from meltemi.kernel.identity import SpiffeId
from meltemi.pilot.trace import Endpoint, Tls
from meltemi.pilot.translate.name import outbound_cluster, server_name

if TYPE_CHECKING:
    from meltemi.ctl.lens.world import World
    from meltemi.pilot.scope.proxy import Proxy

SPIFFE = "spiffe://"
HTTP_ALPN = ("istio-http/1.1", "istio", "http/1.1")
"""What a sidecar of the mesh offers a server for requests it has read."""
TCP_ALPN = ("istio-peer-exchange", "istio")
"""What it offers for bytes."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        principal: The SPIFFE id it can show; empty for one outside of the mesh, who
            speaks in the clear.
        address: Where it calls from; empty where nobody says.
        proxy: What calls for it; None for one that has no sidecar in this mesh.

    """

    principal: str
    address: str
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """Where a workload is called.

    Attributes:
        service: The host of its service; empty where it is called by its address.
        number: The port of the service.
        address: The workload's own, as its service's callers have it.
        port: Likewise.
        bytes_only: Whether callers say nothing that a proxy reads.

    """

    service: str
    number: int
    address: str
    port: int
    bytes_only: bool

    @property
    def alpn(self) -> tuple[str, ...]:
        """What a sidecar offers."""
        return TCP_ALPN if self.bytes_only else HTTP_ALPN


def caller(world: World, name: str, address: str) -> Caller:
    """Return who ``name`` is: a workload, a SPIFFE id, or an address outside.

    Args:
        world: The mesh.
        name: What was said.
        address: Where it calls from, if that was said.

    Raises:
        UnknownProxyError: If it is neither, and no workload is called that.
        InvalidIdentityError: If it is a SPIFFE id that no workload has.

    """
    if name.startswith(SPIFFE):
        return Caller(str(SpiffeId.parse(name)), address)
    if is_address(name):
        return Caller("", name)
    proxy = named(world, name)
    own = proxy.node_id.split("~")[1]
    return Caller(principal(world, proxy), address or own, proxy)


def hello(world: World, who: Caller, door: Door) -> Tls | None:
    """Return what the caller's side of the handshake says; None: plain text.

    A sidecar uses mutual TLS where it is told to, and where the server's proxy takes
    it; towards what it knows no service for it passes on what its workload says.
    """
    if not who.principal:
        return None
    mutual = Tls(
        server_name(door.number, "", door.service) if door.service else "",
        door.alpn,
        certificate=True,
        principal=who.principal,
    )
    if who.proxy is None:
        return mutual
    there = held(world.index, who.proxy.group).envoy
    cluster = outbound_cluster(door.number, "", door.service)
    if cluster not in there.clusters:
        return None
    member = Endpoint(door.address, door.port)
    if not knows(there, cluster, member):
        return mutual  # it is called through a gateway that passes TLS on
    return client_tls(there, cluster, member, who.principal, door.alpn)
