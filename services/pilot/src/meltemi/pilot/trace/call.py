"""What arrives at a proxy: a connection, and what is sent over it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PSEUDO = {
    ":authority": "host",
    "host": "host",
    ":path": "path",
    ":method": "method",
    ":scheme": "scheme",
}
"""Headers that are fields of a request."""
JOINED = frozenset(
    (
        *("accept", "accept-encoding", "authorization", "cache-control", "origin"),
        *("referer", "user-agent", "via", "x-request-id", "x-forwarded-for"),
        *("x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "expect"),
        *("grpc-timeout", "content-type", "content-encoding", "if-none-match"),
        *("if-match", "pragma", "x-client-trace-id", "grpc-accept-encoding"),
        *("access-control-request-method", "access-control-request-headers"),
        *("x-envoy-original-path", "x-envoy-external-address"),
        *("x-envoy-decorator-operation", "x-envoy-downstream-service-cluster"),
        "x-envoy-attempt-count",
    )
)
"""Headers whose values Envoy joins on arrival; found by asking Envoy 1.40."""


class Way(StrEnum):
    """How a connection comes to the proxy."""

    DIRECT = "direct"
    """To an address and port; what none is bound to goes where redirection leads."""
    INBOUND = "inbound"
    """Redirected on its way into the workload, whatever the port."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What the client's side of the handshake says."""

    server_name: str = ""
    alpn: tuple[str, ...] = ()
    """In the order of the client's preference."""
    certificate: bool = False
    """Whether the client presents one."""
    principal: str = ""
    """The URI in the client's certificate, ``spiffe://…``."""


@dataclass(frozen=True, slots=True)
class Http:
    """One HTTP request.

    Attributes:
        host: The ``Host`` header or ``:authority``, with its port if it has one.
        path: With the query, as it is sent.
        method: In capitals.
        headers: Names in any case; a name may stand several times.
        version: 1 or 2.
        scheme: ``http`` or ``https``; empty where the sender leaves it to the proxy,
            as HTTP/1 does.

    """

    host: str = ""
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    version: int = 1
    scheme: str = ""

    def header(self, name: str) -> str | None:
        """Return a header's values, joined, or None without one."""
        found = self.values(name)
        return ",".join(found) if found else None

    def values(self, name: str) -> tuple[str, ...]:
        """Return a header's values as Envoy keeps them: some headers' are joined."""
        wanted = name.lower()
        if wanted in PSEUDO:
            return (str(getattr(self, PSEUDO[wanted])),)
        found = tuple(value for key, value in self.headers if key.lower() == wanted)
        return (",".join(found),) if found and wanted in JOINED else found


@dataclass(frozen=True, slots=True)
class Call:
    """A connection to ``address``:``port``, and the request on it.

    Attributes:
        address: Where the client meant to go, before any redirection.
        port: Likewise.
        way: How it comes to the proxy.
        tls: None when the client speaks in the clear.
        http: None when what is sent is not HTTP.
        source: The peer's address; empty: not known.
        source_port: The peer's port.
        now: Seconds since 1970, when it happens; None where nothing expires.
        chance: In [0, 1): where a random choice falls, such as that of a route which
            takes a share of the requests.
        signatures: Whether those of tokens are checked; else they are taken to be
            right.

    """

    address: str
    port: int
    way: Way = Way.DIRECT
    tls: Tls | None = None
    http: Http | None = None
    source: str = "127.0.0.6"
    source_port: int = 0
    now: float | None = None
    chance: float = 0.0
    signatures: bool = False
