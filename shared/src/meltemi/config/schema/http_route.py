"""What is done with the requests an HTTP route takes."""

import builtins
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from meltemi.config.schema.http_fault import HTTPFaultInjection, Percent
from meltemi.config.schema.http_match import HTTPMatchRequest
from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.string_match import StringMatch
from meltemi.config.values import Duration, Int32, UInt32


class RedirectPortSelection(StrEnum):
    """Where a redirect's port comes from."""

    FROM_PROTOCOL_DEFAULT = "FROM_PROTOCOL_DEFAULT"
    """80 or 443."""
    FROM_REQUEST_PORT = "FROM_REQUEST_PORT"
    """The port the request was sent to."""


class UnmatchedPreflights(StrEnum):
    """What becomes of a preflight request whose origin is not allowed."""

    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    IGNORE = "IGNORE"


class PortSelector(Message, frozen=True, kw_only=True):
    """A port of the destination, by number."""

    number: UInt32 | None = None
    """From 1 to 65535."""


class Destination(Message, frozen=True, kw_only=True):
    """Where requests go."""

    host: str
    """A service; short names are completed with the rule's own namespace."""
    subset: str | None = None
    """A subset that the host's DestinationRule defines."""
    port: PortSelector | None = None
    """Default: the host's only port."""


class HeaderOperations(Message, frozen=True, kw_only=True):
    """Changes of headers."""

    set: Mapping[str, str] = {}
    """Overwrites."""
    add: Mapping[str, str] = {}
    """Appends."""
    remove: tuple[str, ...] = ()
    """Names of those to take away."""


class Headers(Message, frozen=True, kw_only=True):
    """Changes of headers, each way."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HTTPRouteDestination(Message, frozen=True, kw_only=True):
    """One destination of several, and its share."""

    destination: Destination
    weight: Int32 | None = None
    """Relative to the sum of the siblings; default 0, or everything when alone."""
    headers: Headers | None = None


class HTTPBody(OneOf, frozen=True, kw_only=True):
    """A response body: one of the fields is set."""

    ONE_OF: ClassVar = (("string", "bytes"),)

    string: str | None = None
    """Text."""
    bytes: builtins.bytes | None = None
    """Base64 in JSON and YAML."""


class HTTPDirectResponse(Message, frozen=True, kw_only=True):
    """Answers by itself."""

    status: UInt32
    """200..599."""
    body: HTTPBody | None = None


class HTTPRedirect(OneOf, frozen=True, kw_only=True):
    """Sends the client elsewhere."""

    ONE_OF: ClassVar = (("port", "derive_port"),)

    uri: str | None = None
    """Replaces the path (and query)."""
    authority: str | None = None
    """The host to go to; default: as asked."""
    port: UInt32 | None = None
    """Not together with ``derive_port``."""
    derive_port: RedirectPortSelection | None = None
    """Not together with ``port``."""
    scheme: str | None = None
    """http or https; default: as asked."""
    redirect_code: UInt32 | None = None
    """301, 302, 303, 307 or 308; default 301."""
    prefix_rewrite: str | None = None
    """Replaces only what ``uri.prefix`` matched; not together with ``uri``."""


class RegexRewrite(Message, frozen=True, kw_only=True):
    """Rewrites the part of a path that an RE2 expression matches."""

    match: str | None = None
    """What is replaced, in RE2: each place where it fits."""
    rewrite: str | None = None
    r"""With ``\1`` for the first group."""


class HTTPRewrite(Message, frozen=True, kw_only=True):
    """Changes the request before it is forwarded."""

    uri: str | None = None
    """Replaces the matched prefix, or the whole path of an exact match."""
    authority: str | None = None
    """The host that the destination is sent."""
    uri_regex_rewrite: RegexRewrite | None = None
    """Not together with ``uri``."""


class HTTPRetry(Message, frozen=True, kw_only=True):
    """Tries again after failures."""

    attempts: Int32 | None = None
    """Retries after the first try; 0 turns the default (2) off."""
    per_try_timeout: Duration | None = None
    """At least 1 ms; default: the route's timeout."""
    retry_on: str | None = None
    """Envoy's conditions and HTTP codes, comma-separated; default Istio's list."""
    retry_remote_localities: bool | None = None
    """Also use other localities for retries; default false."""
    retry_ignore_previous_hosts: bool | None = None
    """Avoid hosts already tried; default true."""
    backoff: Duration | None = None
    """Lower bound of the wait; at least 1 ms; default 25 ms."""


class HTTPMirrorPolicy(Message, frozen=True, kw_only=True):
    """Sends a copy of the requests, and forgets the answer."""

    destination: Destination
    percentage: Percent | None = None
    """Default all."""


class CorsPolicy(Message, frozen=True, kw_only=True):
    """Cross-origin resource sharing."""

    allow_origin: tuple[str, ...] = ()
    """Deprecated: exact origins, or ``*``."""
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    """Said in ``Access-Control-Allow-Methods``."""
    allow_headers: tuple[str, ...] = ()
    """Said in ``Access-Control-Allow-Headers``."""
    expose_headers: tuple[str, ...] = ()
    """Said in ``Access-Control-Expose-Headers``."""
    max_age: Duration | None = None
    """How long a browser may keep the answer."""
    allow_credentials: bool | None = None
    """Whether a caller may send its cookies; default not said."""
    unmatched_preflights: UnmatchedPreflights | None = None
    """Default FORWARD."""


class Delegate(Message, frozen=True, kw_only=True):
    """Another VirtualService that routes what this route matched."""

    name: str | None = None
    """Of the VirtualService whose routes are put here."""
    namespace: str | None = None
    """Default: the namespace of the root."""


class HTTPRoute(Message, frozen=True, kw_only=True):
    """One rule: first match wins. No ``match`` matches everything."""

    name: str | None = None
    """For people: in logs, and joined with the name of a match."""
    match: tuple[HTTPMatchRequest, ...] = ()
    """Alternatives."""
    route: tuple[HTTPRouteDestination, ...] = ()
    """Not together with ``redirect`` or ``direct_response``."""
    redirect: HTTPRedirect | None = None
    direct_response: HTTPDirectResponse | None = None
    delegate: Delegate | None = None
    """Only where ``route``, ``redirect`` and ``direct_response`` are absent."""
    rewrite: HTTPRewrite | None = None
    timeout: Duration | None = None
    """Default none."""
    retries: HTTPRetry | None = None
    """Default: the mesh's, 2 attempts."""
    fault: HTTPFaultInjection | None = None
    mirror: Destination | None = None
    """Not together with ``mirrors``."""
    mirrors: tuple[HTTPMirrorPolicy, ...] = ()
    mirror_percent: UInt32 | None = None
    """Deprecated: whole percents. Also read from ``mirror_percent`` in the text."""
    mirror_percentage: Percent | None = None
    """How much of the traffic ``mirror`` gets; default all."""
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None
