"""Where Envoy accepts connections, and what it does with each kind of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.origin import Origins
    from meltemi.pilot.ir.route import HashPolicy, RouteTable, Target
    from meltemi.pilot.ir.tls import MeshServer


class Direction(StrEnum):
    """Which way traffic flows, seen from the workload."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class ClientCertificate(StrEnum):
    """What becomes of the header that tells the application who called."""

    SANITIZE = "sanitize"
    """Outbound: the application's word is dropped."""
    APPEND = "append"
    """Inbound: the caller's verified identity is added."""
    REPLACE = "replace"
    """Gateway: whatever came from outside is replaced."""


@dataclass(frozen=True, slots=True)
class HttpFilter:
    """Serve HTTP with a route table: fetched by name, or given with the listener."""

    stat_prefix: str
    routes: str | RouteTable
    client_certificate: ClientCertificate
    trust_downstream_address: bool = False
    """Gateways take the peer's address as the client's; sidecars pass it on."""
    proxy_requests: bool = False
    """Accept ``GET http://host/…`` and ``CONNECT``, as an HTTP proxy does."""


@dataclass(frozen=True, slots=True)
class TcpFilter:
    """Pass bytes on to clusters by weight. Durations are nanoseconds."""

    stat_prefix: str
    targets: tuple[Target, ...]
    idle_timeout: int | None = None
    hash: tuple[HashPolicy, ...] = ()


Filter = HttpFilter | TcpFilter


@dataclass(frozen=True, slots=True)
class ChainMatch:
    """Which connections a chain is for; empty fields match anything."""

    server_names: tuple[str, ...] = ()
    transport: str = ""
    """``tls``, ``raw_buffer`` or either."""


@dataclass(frozen=True, slots=True)
class FilterChain:
    """What happens to the connections that match."""

    name: str
    match: ChainMatch
    filter: Filter
    tls: MeshServer | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """One Envoy listener."""

    name: str
    address: str
    port: int
    direction: Direction
    chains: tuple[FilterChain, ...]
    inspect_tls: bool = False
    """Look at the first bytes, so that chains can be told apart by SNI."""
    origins: Origins = ()
