"""Envoy's response flags, in plain words: what it means, and what to look at.

Source: the table at `FLAGS_PAGE`; a test asks the pinned Envoy which flags it has.
"""

from __future__ import annotations

from typing import Final, NamedTuple

DOCS: Final = "https://www.envoyproxy.io/docs/envoy/v1.40.0"
FLAGS_PAGE: Final = (
    f"{DOCS}/configuration/advanced/substitution_formatter"
    "#config-access-log-format-response-flags"
)
"""Where Envoy lists all of them."""

ROUTING: Final = "intro/arch_overview/http/http_routing"
HEALTH: Final = "intro/arch_overview/upstream/health_checking"
POOLS: Final = "intro/arch_overview/upstream/connection_pooling"
TIMEOUTS: Final = "faq/configuration/timeouts"
BREAKING: Final = "intro/arch_overview/upstream/circuit_breaking"
ROUTER: Final = "configuration/http/http_filters/router_filter"
FAULTS: Final = "configuration/http/http_filters/fault_filter"
CONNECTIONS: Final = "intro/arch_overview/http/http_connection_management"
HEALTH_FILTER: Final = "configuration/http/http_filters/health_check_filter"
RATES: Final = "configuration/http/http_filters/rate_limit_filter"
EXT_AUTHZ: Final = "configuration/http/http_filters/ext_authz_filter"
OVERLOAD: Final = "configuration/operations/overload_manager/overload_manager"
DNS: Final = "intro/arch_overview/upstream/dns_resolution"
EDS: Final = "api-v3/config/endpoint/v3/endpoint.proto"
EXTENSIONS: Final = "configuration/overview/extension"
CACHE: Final = "configuration/http/http_filters/cache_filter"


class Flag(NamedTuple):
    """A flag: what it means, what to look at, and where Envoy tells of its cause."""

    what: str
    look: str
    topic: str

    @property
    def page(self) -> str:
        """The page of Envoy's documentation."""
        return f"{DOCS}/{self.topic}"


FLAGS: Final = {
    "NR": Flag(
        "no route fits the request",
        "compare host, port and path with the VirtualService and Gateway: "
        "meltemi trace METHOD URL --from WORKLOAD",
        ROUTING,
    ),
    "NC": Flag(
        "the route leads to a cluster that is not there",
        "does the VirtualService name a subset that no DestinationRule has, or does "
        "this proxy refuse it (meltemi ps)?",
        ROUTING,
    ),
    "UH": Flag(
        "no endpoint of the service may be called",
        "meltemi pc endpoint PROXY: are there any, are they well, or ejected?",
        HEALTH,
    ),
    "UF": Flag(
        "no connection to the other side came about",
        "is the other side up, and does it listen there?",
        POOLS,
    ),
    "UC": Flag(
        "the other side closed the connection before it answered",
        "its log says why; one that demands mutual TLS closes on plain text",
        POOLS,
    ),
    "UR": Flag("the other side reset the request", "its log says why", POOLS),
    "LR": Flag(
        "this proxy reset the request", "was its configuration changing?", POOLS
    ),
    "UT": Flag(
        "the other side did not answer in time",
        "the timeout is of the VirtualService's route, or a retry's perTryTimeout",
        TIMEOUTS,
    ),
    "UO": Flag(
        "a limit on what may be open at once was reached",
        "connectionPool of the DestinationRule",
        BREAKING,
    ),
    "URX": Flag(
        "all retries, or all attempts to connect, were used up",
        "retries of the VirtualService; the cause of each attempt is in the other log",
        ROUTER,
    ),
    "FI": Flag(
        "a fault was put in on purpose: it was aborted",
        "fault.abort of the VirtualService",
        FAULTS,
    ),
    "DI": Flag(
        "a fault was put in on purpose: a delay",
        "fault.delay of the VirtualService",
        FAULTS,
    ),
    "DC": Flag(
        "the caller went away before there was an answer",
        "does it wait long enough?",
        CONNECTIONS,
    ),
    "DPE": Flag(
        "the caller's bytes are no HTTP",
        "is the port declared as HTTP by mistake?",
        CONNECTIONS,
    ),
    "UPE": Flag(
        "the other side's bytes are no HTTP",
        "is the port declared with the protocol that it speaks?",
        POOLS,
    ),
    "LH": Flag("the service failed its health check", "is it well?", HEALTH_FILTER),
    "RL": Flag(
        "too many requests in too short a time",
        "the rate limit's own configuration",
        RATES,
    ),
    "RLSE": Flag("the rate limit service failed", "is it up?", RATES),
    "UAEX": Flag(
        "an external authorization service refused it",
        "that service's log; AuthorizationPolicy with action CUSTOM",
        EXT_AUTHZ,
    ),
    "IH": Flag("a header has a value that may not be", "look at the request", ROUTER),
    "SI": Flag(
        "the stream was idle for too long",
        "idleTimeout of the DestinationRule",
        TIMEOUTS,
    ),
    "DT": Flag(
        "the connection was open for as long as one may be",
        "maxConnectionDuration of the DestinationRule",
        TIMEOUTS,
    ),
    "UMSDR": Flag(
        "the request took longer than it may at all", "maxStreamDuration", TIMEOUTS
    ),
    "OM": Flag(
        "the proxy is short of memory",
        "is there a leak, or too small a limit?",
        OVERLOAD,
    ),
    "DF": Flag("the service's name does not resolve", "does DNS know the host?", DNS),
    "DO": Flag(
        "the proxy was told to drop requests for this service",
        "drop_overloads in an EnvoyFilter: meltemi pc endpoint PROXY",
        EDS,
    ),
    "DR": Flag("the caller reset the request", "the caller's log", CONNECTIONS),
    "UDO": Flag(
        "the proxy was told to drop every request for this service",
        "drop_overloads in an EnvoyFilter: meltemi pc endpoint PROXY",
        EDS,
    ),
    "NFCF": Flag(
        "a filter's configuration never came",
        "meltemi ps: is anything refused?",
        EXTENSIONS,
    ),
    "RFCF": Flag(
        "it was answered from a cache filter, which is no failure",
        "the EnvoyFilter that adds the cache",
        CACHE,
    ),
}
"""By the flag, as a log has it."""
