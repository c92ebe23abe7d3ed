"""Where a request goes, and what happens to it on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.ir.origin import Origins


class Test(StrEnum):
    """How a string is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class StringTest:
    """A comparison; regular expressions are RE2 and match the whole value."""

    test: Test
    value: str = ""
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class PathTest:
    """A comparison of the path. ``segments`` makes a prefix end at a ``/``."""

    string: StringTest
    segments: bool = False


@dataclass(frozen=True, slots=True)
class NamedTest:
    """A comparison of one header or query parameter."""

    name: str
    string: StringTest
    invert: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """All of these must hold."""

    path: PathTest | None = None
    """None: any path."""
    headers: tuple[NamedTest, ...] = ()
    query: tuple[NamedTest, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether no request can fail to match."""
        return self._any_path and not self.headers and not self.query

    @property
    def _any_path(self) -> bool:
        if self.path is None:
            return True
        string = self.path.string
        return (string.test, string.value) in (
            (Test.PREFIX, "/"),
            (Test.REGEX, ".*"),
            (Test.REGEX, "*"),
        )


@dataclass(frozen=True, slots=True)
class HeaderEdit:
    """A header to give: over what is there, or beside it."""

    name: str
    value: str
    beside: bool = False


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """Changes to headers, in the order they are made."""

    give: tuple[HeaderEdit, ...] = ()
    remove: tuple[str, ...] = ()

    def __add__(self, later: HeaderEdits) -> HeaderEdits:
        return HeaderEdits(self.give + later.give, self.remove + later.remove)


NO_EDITS = HeaderEdits()


@dataclass(frozen=True, slots=True)
class Target:
    """One cluster and its share. Shares of a route need not add up to anything."""

    cluster: str
    weight: int
    host_rewrite: str = ""
    request: HeaderEdits = NO_EDITS
    response: HeaderEdits = NO_EDITS


@dataclass(frozen=True, slots=True)
class Retries:
    """When and how often to try again. Durations are nanoseconds, None: Envoy's."""

    attempts: int
    on: str
    statuses: tuple[int, ...] = ()
    per_try_timeout: int | None = None
    backoff: int | None = None
    avoid_previous_hosts: bool = True
    other_host_attempts: int = 5
    """How often to look for a host that was not tried yet; 5 is Istio's."""
    other_localities: bool = False


@dataclass(frozen=True, slots=True)
class Mirror:
    """Copies of requests, in millionths of the traffic; answers are dropped."""

    cluster: str
    millionths: int


@dataclass(frozen=True, slots=True)
class Delay:
    """Waits before a share of the requests go on (millionths, nanoseconds)."""

    fixed: int
    millionths: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Answers a share of the requests with an error; one status is set."""

    millionths: int
    http_status: int = 0
    grpc_status: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Failures on purpose."""

    delay: Delay | None = None
    abort: Abort | None = None


@dataclass(frozen=True, slots=True)
class Cors:
    """Which other sites' pages may call, and how. Duration in whole seconds."""

    origins: tuple[StringTest, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    max_age: int | None = None
    credentials: bool | None = None
    forward_unmatched_preflights: bool = True


class HashOn(StrEnum):
    """What a consistent-hash load balancer hashes."""

    HEADER = "header"
    COOKIE = "cookie"
    QUERY = "query"
    SOURCE_IP = "source-ip"


@dataclass(frozen=True, slots=True)
class HashPolicy:
    """One input of the hash. ``ttl`` (nanoseconds) makes Envoy set the cookie."""

    on: HashOn
    name: str = ""
    path: str = ""
    ttl: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """Of the cookie that is set."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the request on. ``timeout`` 0 means none; durations are nanoseconds."""

    targets: tuple[Target, ...]
    timeout: int = 0
    retries: Retries | None = None
    mirrors: tuple[Mirror, ...] = ()
    prefix_rewrite: str = ""
    regex_rewrite: tuple[str, str] | None = None
    host_rewrite: str = ""
    hash: tuple[HashPolicy, ...] = ()
    append_forwarded_host: bool = False
    """Pass the caller's host on in ``x-forwarded-host`` when it is rewritten."""
    unlimited_streams: bool = False
    """No time limit of a caller, or of gRPC's header, ends the request."""
    missing_cluster_is_500: bool = False
    """Answer 500, not 503, where a cluster is not there: the Gateway API's word."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Tell the caller to go elsewhere."""

    code: int = 301
    path: str = ""
    prefix: str = ""
    host: str = ""
    scheme: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer at once."""

    status: int
    body: str | bytes = ""


Action = Forward | Redirect | Respond


@dataclass(frozen=True, slots=True)
class Route:
    """One rule: the first of a virtual host that matches is taken."""

    name: str
    match: Match
    action: Action
    request: HeaderEdits = NO_EDITS
    response: HeaderEdits = NO_EDITS
    fault: Fault | None = None
    cors: Cors | None = None
    operation: str = ""
    """What traces call a request on this route."""
    stat_prefix: str = ""
    """Counters of its own, under this name."""
    origins: Origins = ()


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """The rules for requests to some domains."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[Route, ...]
    require_tls: bool = False
    count_attempts: bool = True
    """Whether the server is told how often a request was tried."""


@dataclass(frozen=True, slots=True)
class RouteTable:
    """One Envoy RouteConfiguration."""

    name: str
    hosts: tuple[VirtualHost, ...]
    ignore_port: bool = True
    """Whether ``host`` also matches ``host:port`` in requests."""
    long_answers: bool = True
    """Whether direct responses may be as long as Istio allows them to be."""

    @property
    def origins(self) -> Origins:
        """Every object that a rule of this table comes from, without repeats."""
        return origins_of(route for host in self.hosts for route in host.routes)


def origins_of(routes: Iterable[Route]) -> Origins:
    """Return every object that one of ``routes`` comes from, without repeats."""
    return tuple(dict.fromkeys(each for route in routes for each in route.origins))
