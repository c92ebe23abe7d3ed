"""HTTP on a connection: how it is spoken, and what happens to each request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meltemi.pilot.ir.plugin import NO_PLUGINS

if TYPE_CHECKING:
    from meltemi.pilot.ir.cluster import HostCache
    from meltemi.pilot.ir.external_check import CheckFilter
    from meltemi.pilot.ir.metric import AccessLog
    from meltemi.pilot.ir.plugin import Plugins
    from meltemi.pilot.ir.rbac import AccessFilter
    from meltemi.pilot.ir.route import RouteTable
    from meltemi.pilot.ir.token import TokenFilter
    from meltemi.pilot.ir.tracing import Tracing


class ClientCertificate(StrEnum):
    """What becomes of the header that tells the application who called."""

    SANITIZE = "sanitize"
    """Outbound: the application's word is dropped."""
    APPEND = "append"
    """Inbound: the caller's verified identity is added."""
    REPLACE = "replace"
    """Gateway: whatever came from outside is replaced."""
    FORWARD = "forward"
    """Passed on as it came, where the client's certificate was verified."""
    ALWAYS_FORWARD = "always-forward"


@dataclass(frozen=True, slots=True)
class ClientDetails:
    """What the application is told of the caller's certificate."""

    subject: bool = True
    cert: bool = False
    """All of it, as gateways tell."""
    chain: bool = False
    dns: bool = True
    uri: bool = True


class Slashes(StrEnum):
    """What becomes of ``%2F`` and ``%5C`` in a path."""

    KEEP = "keep"
    REJECT = "reject"
    REDIRECT = "redirect"
    """Decoded, and the client is told to come back with that."""
    DECODE = "decode"


class Underscores(StrEnum):
    """What becomes of headers with an underscore in their name."""

    ALLOW = "allow"
    REJECT = "reject"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Paths:
    """How paths are made comparable before anything looks at them."""

    normalize: bool = True
    merge_slashes: bool = False
    escaped: Slashes = Slashes.KEEP


@dataclass(frozen=True, slots=True)
class Connection:
    """Limits and manners of HTTP connections. Nanoseconds; None: Envoy's own."""

    idle_timeout: int | None = None
    max_duration: int | None = None
    stream_idle_timeout: int | None = 0
    request_timeout: int | None = None
    headers_timeout: int | None = None
    max_streams: int | None = None
    stream_window: int | None = None
    connection_window: int | None = None
    underscores: Underscores = Underscores.ALLOW
    http10: bool = False
    absolute_urls: bool = False
    """Accept ``GET http://host/…`` and ``CONNECT``, as an HTTP proxy does."""
    keep_header_case: bool = False


class PeerHeader(StrEnum):
    """What becomes of the header in which a proxy of the mesh says who it is."""

    READ = "read"
    """It is noted for the metrics, and taken out."""
    DROP = "drop"
    """It is taken out: anybody can write it."""


@dataclass(frozen=True, slots=True)
class GrpcWeb:
    """Translate gRPC of browsers."""


@dataclass(frozen=True, slots=True)
class MeshProtocols:
    """Tell servers of the mesh, by ALPN, what travels within its TLS."""


@dataclass(frozen=True, slots=True)
class LookupByHost:
    """Look up the host that a request names."""

    cache: HostCache


HttpExtension = GrpcWeb | MeshProtocols | LookupByHost


@dataclass(frozen=True, slots=True)
class HttpFilter:
    """Serve HTTP with a route table: fetched by name, or given with the listener."""

    stat_prefix: str
    routes: str | RouteTable
    client_certificate: ClientCertificate
    details: ClientDetails = ClientDetails()
    forward_port: bool = False
    """Tell the application the port that the client connected to."""
    trust_downstream_address: bool = False
    """Gateways take the peer's address as the client's; sidecars pass it on."""
    trusted_hops: int = 0
    server_name: str = ""
    """The ``server`` header of answers; empty: Envoy's, where none is there."""
    keep_server: bool = False
    """Leave the ``server`` header as the application wrote it."""
    paths: Paths = Paths()
    connection: Connection = Connection()
    plugins: Plugins = NO_PLUGINS
    peer: PeerHeader | None = None
    """None: it is not looked at."""
    caller: tuple[tuple[str, str], ...] = ()
    """What servers of the mesh are told of the caller, for metrics; empty: nothing."""
    custom: tuple[AccessFilter | CheckFilter, ...] = ()
    """Who else is asked, before anything is known of the caller's token."""
    tokens: tuple[TokenFilter, ...] = ()
    access: tuple[AccessFilter, ...] = ()
    """Who may, in order."""
    before: tuple[HttpExtension, ...] = ()
    """Filters ahead of statistics."""
    extensions: tuple[HttpExtension, ...] = ()
    """Filters between statistics and faults."""
    last: tuple[HttpExtension, ...] = ()
    """Filters just ahead of the router."""
    tracing: Tracing | None = None
    generate_request_id: bool = True
    preserve_request_id: bool = False
    quiet: bool = False
    """Leave out Envoy's own ``x-envoy-`` headers."""
    access_logs: tuple[AccessLog, ...] = ()
    tapped: bool = False
    """Whether somebody at Envoy's own page can listen to requests."""
