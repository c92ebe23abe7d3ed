"""Where Envoy accepts connections, and what it does with each kind of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from meltemi.pilot.ir.plugin import NO_PLUGINS

if TYPE_CHECKING:
    from meltemi.pilot.ir.external_check import CheckFilter
    from meltemi.pilot.ir.http_filter import HttpFilter
    from meltemi.pilot.ir.metric import AccessLog
    from meltemi.pilot.ir.network_filter import NetworkFilter, TcpFilter
    from meltemi.pilot.ir.origin import Origins
    from meltemi.pilot.ir.plugin import Plugins
    from meltemi.pilot.ir.rbac import AccessFilter
    from meltemi.pilot.ir.tls import Server


class Direction(StrEnum):
    """Which way traffic flows, seen from the workload."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class ChainMatch:
    """Which connections a chain is for; empty fields match anything."""

    server_names: tuple[str, ...] = ()
    transport: str = ""
    """``tls``, ``raw_buffer`` or either."""
    protocols: tuple[str, ...] = ()
    """What the client offered (ALPN), or what was seen of its first bytes."""
    port: int = 0
    """Where the client meant to go; 0: anywhere."""
    ranges: tuple[str, ...] = ()
    """Addresses the client meant to go to, as CIDR."""

    @property
    def everything(self) -> bool:
        """Whether every connection matches."""
        return self == ChainMatch()


@dataclass(frozen=True, slots=True)
class FilterChain:
    """What happens to the connections that match.

    ``before`` filters see a connection first, in order, and ``filter`` handles it.
    """

    name: str
    match: ChainMatch
    filter: HttpFilter | TcpFilter
    tls: Server | None = None
    ports: tuple[int, ...] = ()
    """What it serves, of services outbound, of the workload inbound; empty: unknown."""
    custom: tuple[AccessFilter | CheckFilter, ...] = ()
    """Who else is asked of a connection; of requests, the filter itself asks."""
    policies: tuple[AccessFilter | CheckFilter, ...] = ()
    """Who may connect; requests are judged by the filter itself."""
    plugins: Plugins = NO_PLUGINS
    """What people brought to see connections."""
    before: tuple[NetworkFilter, ...] = ()
    handshake_timeout: int | None = None
    """Nanoseconds that a client has to finish its TLS handshake."""
    origins: Origins = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """Looking at a connection's first bytes, on some ports.

    ``on`` of None is every port but those of ``off``.
    """

    on: frozenset[int] | None = None
    off: frozenset[int] = frozenset()

    @property
    def anywhere(self) -> bool:
        """Whether there is a port it happens on."""
        return self.on is None or bool(self.on)


NOWHERE = Inspection(on=frozenset())


@dataclass(frozen=True, slots=True)
class Listener:
    """One Envoy listener."""

    name: str
    address: str
    port: int
    direction: Direction
    chains: tuple[FilterChain, ...]
    default: FilterChain | None = None
    """For connections that no chain matches; None: they are closed."""
    more_addresses: tuple[str, ...] = ()
    inspect_tls: Inspection = NOWHERE
    """So that chains can be told apart by server name and ALPN."""
    inspect_http: Inspection = NOWHERE
    """So that HTTP is told from other plain text."""
    bound: bool = True
    """Whether it has a socket; else others hand connections to it."""
    netns: str = ""
    """The network namespace of its socket, a file; empty: the proxy's own."""
    by_destination: bool = False
    """Whether it hands connections to the listener of where they were going."""
    find_destination: bool = False
    """Whether it asks the kernel where connections were going."""
    keep_source: bool = False
    """Connections to the application come from the client's own address."""
    transparent: bool = False
    expect_proxy_protocol: bool = False
    even: bool = False
    """Whether connections are spread evenly over Envoy's threads."""
    accept_one_by_one: bool = False
    inspection_timeout: int | None = None
    """Nanoseconds to wait for first bytes; 0: for ever; None: not set."""
    proceed_after_timeout: bool = False
    buffer_limit: int | None = None
    """Bytes of a connection that may be waiting; None: Envoy's own limit."""
    access_logs: tuple[AccessLog, ...] = field(default=())
    origins: Origins = ()
