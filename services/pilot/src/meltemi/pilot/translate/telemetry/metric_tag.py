"""The tags of Istio's metrics, in Envoy's command operators.

A client knows a server by the metadata of its endpoint and cluster; a server knows a
client by what that puts into a header, which the application never sees.

Source: istio.io/docs/reference/config/metrics for the names.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.telemetry import WorkloadMode
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.translate.telemetry.span_tag import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.scope.scope import Scope

Tags = tuple[tuple[str, str], ...]

UNKNOWN: Final = "unknown"
LABELS: Final = (
    ("workload", "workload"),
    ("workload_namespace", "namespace"),
    ("canonical_service", "service"),
    ("canonical_revision", "revision"),
    ("app", "app"),
    ("version", "version"),
    ("cluster", "cluster"),
)
"""What Istio calls an attribute of a workload, and what we do."""


def peer(scope: Scope) -> Tags:
    """Return what others are told of the proxies of ``scope``."""
    group = scope.group
    labels = group.label_map
    service, revision = canonical(scope)
    version = labels.get("version")
    named = f"{service}-{version}" if version else service
    return (
        ("workload", group.node.workload_name or named),
        ("namespace", group.namespace),
        ("service", service),
        ("revision", revision),
        ("app", labels.get("app") or UNKNOWN),
        ("version", version or UNKNOWN),
        ("cluster", group.node.cluster or UNKNOWN),
    )


def tags(scope: Scope, side: WorkloadMode, *, secure: bool, http: bool) -> Tags:
    """Return all tags of one side of calls.

    Args:
        scope: Of the proxies that count.
        side: CLIENT: they call; SERVER: they are called.
        secure: Whether callers are known by mutual TLS.
        http: Whether there are requests; else there are connections alone.

    """
    own = dict(peer(scope))
    client = side is WorkloadMode.CLIENT
    here, there = ("source", "destination") if client else ("destination", "source")
    known = client or (secure and http)
    return (
        ("reporter", here),
        *((f"{here}_{name}", own[key]) for name, key in LABELS),
        *((f"{there}_{name}", _there(side, key, known=known)) for name, key in LABELS),
        *_identities(side, secure=secure),
        *_service(by_host=http and client and scope.group.role is not Role.GATEWAY),
        ("response_flags", "%RESPONSE_FLAGS%"),
        *(_answer() if http else ()),
    )


def _there(side: WorkloadMode, key: str, *, known: bool) -> str:
    if not known:
        return UNKNOWN
    if side is WorkloadMode.CLIENT:
        return first(("UPSTREAM_METADATA", f"meltemi:{key}"))
    return first(("DYNAMIC_METADATA", f"meltemi.peer:peer:{key}"))


def _identities(side: WorkloadMode, *, secure: bool) -> Iterator[tuple[str, str]]:
    if side is WorkloadMode.CLIENT:
        yield "source_principal", first(("UPSTREAM_LOCAL_URI_SAN", ""))
        yield "destination_principal", first(("UPSTREAM_PEER_URI_SAN", ""))
        yield "connection_security_policy", UNKNOWN
    elif secure:
        yield "source_principal", first(("DOWNSTREAM_PEER_URI_SAN", ""))
        yield "destination_principal", first(("DOWNSTREAM_LOCAL_URI_SAN", ""))
        yield "connection_security_policy", "mutual_tls"
    else:
        yield "source_principal", UNKNOWN
        yield "destination_principal", UNKNOWN
        yield "connection_security_policy", "none"


def _service(*, by_host: bool) -> Iterator[tuple[str, str]]:
    """Yield what is called; the cluster stands for what no service is known of.

    The host that is asked for stands for it ``by_host`` alone: of a proxy that takes
    requests from anywhere, callers would choose how many series it keeps.

    Source: pilot/pkg/model/telemetry.go disableHostHeaderFallback.
    """
    host = (("REQ", ":AUTHORITY"),) if by_host else ()
    cluster = ("UPSTREAM_CLUSTER_RAW", "")
    yield "destination_service", first(("CLUSTER_METADATA", "meltemi:service"), *host)
    name = ("CLUSTER_METADATA", "meltemi:service_name")
    yield "destination_service_name", first(name, cluster)
    namespace = ("CLUSTER_METADATA", "meltemi:service_namespace")
    yield "destination_service_namespace", first(namespace)


def _answer() -> Iterator[tuple[str, str]]:
    yield "response_code", "%RESPONSE_CODE%"
    yield "grpc_response_status", "%GRPC_STATUS_NUMBER%"


def expression(cel: str) -> str:
    """Return the format for a CEL expression that a person wrote."""
    return first(("CEL", cel))


@lru_cache(1024)  # the same few, and what people wrote
def first(*commands: tuple[str, str]) -> str:
    """Return the format for the first of ``commands`` that has a value.

    Each is the name of an operator, and its parameter if it takes one.
    """
    operators = [
        {"command": name, "param": param} if param else {"command": name}
        for name, param in (*commands, ("CEL", f"'{UNKNOWN}'"))
    ]
    settings = json.dumps({"operators": operators}, separators=(",", ":"))
    return f"%COALESCE({settings})%"
