"""Envoy's response flags, in plain words: what it means, and what to look at."""

from __future__ import annotations

from typing import Final

PAGE: Final = (
    "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/"
    "access_log/usage#config-access-log-format-response-flags"
)
"""Envoy's own words on each flag; the source of these."""

FLAGS: Final = {
    "NR": (
        "no route fits the request",
        (
            "compare host, port and path with the VirtualService and Gateway: "
            "meltemi trace METHOD URL --from WORKLOAD"
        ),
    ),
    "NC": (
        "the route leads to a cluster that is not there",
        "does the VirtualService name a subset that no DestinationRule has?",
    ),
    "UH": (
        "no endpoint of the service may be called",
        "meltemi pc endpoint PROXY: are there any, are they well, or ejected?",
    ),
    "UF": (
        "no connection to the other side came about",
        "is the other side up, and does it listen there?",
    ),
    "UC": (
        "the other side closed the connection before it answered",
        "its log says why; one that demands mutual TLS closes on plain text",
    ),
    "UR": ("the other side reset the request", "its log says why"),
    "LR": ("this proxy reset the request", "was its configuration changing?"),
    "UT": (
        "the other side did not answer in time",
        "the timeout is of the VirtualService's route, or a retry's perTryTimeout",
    ),
    "UO": (
        "a limit on what may be open at once was reached",
        "connectionPool of the DestinationRule",
    ),
    "URX": (
        "all retries, or all attempts to connect, were used up",
        "retries of the VirtualService; the cause of each attempt is in the other log",
    ),
    "FI": (
        "a fault was put in on purpose: it was aborted",
        "fault.abort of the VirtualService",
    ),
    "DI": (
        "a fault was put in on purpose: a delay",
        "fault.delay of the VirtualService",
    ),
    "DC": (
        "the caller went away before there was an answer",
        "does it wait long enough?",
    ),
    "DPE": (
        "the caller's bytes are no HTTP",
        "is the port declared as HTTP by mistake?",
    ),
    "UPE": (
        "the other side's bytes are no HTTP",
        "is the port declared with the protocol that it speaks?",
    ),
    "LH": ("the service failed its health check", "is it well?"),
    "RL": (
        "too many requests in too short a time",
        "the rate limit's own configuration",
    ),
    "RLSE": ("the rate limit service failed", "is it up?"),
    "UAEX": (
        "an external authorization service refused it",
        "that service's log; AuthorizationPolicy with action CUSTOM",
    ),
    "IH": ("a header has a value that may not be", "look at the request"),
    "SI": ("the stream was idle for too long", "idleTimeout of the DestinationRule"),
    "DT": (
        "the connection was open for longer than it may be at all",
        "maxConnectionDuration of the DestinationRule's connectionPool",
    ),
    "UMSDR": ("the request took longer than it may at all", "maxStreamDuration"),
    "OM": ("the proxy is short of memory", "is there a leak, or too small a limit?"),
    "DF": ("the service's name does not resolve", "does DNS know the host?"),
    "DO": (
        "the endpoints are to be spared: a share of the requests is dropped",
        "drop_overloads of the endpoints: an EnvoyFilter's",
    ),
    "DR": ("the caller reset the request", "the caller's log"),
    "UDO": (
        "the endpoints are to be spared: every request is dropped",
        "drop_overloads of the endpoints: an EnvoyFilter's",
    ),
    "NFCF": ("a filter's configuration never came", "meltemi ps: is anything refused?"),
    "RFCF": (
        "the answer is from a cache in the proxy",
        "the EnvoyFilter that put the cache in; is what it keeps too old?",
    ),
}
"""By the flag: what it means, and what to look at."""
