"""The services that CUSTOM asks: MeshConfig's external authorizers.

Source: pilot/pkg/security/authz/builder/extauthz.go.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from meltemi.config.schema.extension_provider import (
    EnvoyExtAuthzGrpc,
    EnvoyExtAuthzHttp,
)
from meltemi.pilot.ir import SECOND, external_check, rbac
from meltemi.pilot.translate.name import outbound_cluster
from meltemi.pilot.translate.upstream import only_host

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from meltemi.config.schema.extension_provider import ExtensionProvider

DEFAULT_TIMEOUT = 600 * SECOND
"""Long, so that a shorter one of a DestinationRule holds."""
HIGHEST_PORT = 65535
STATUSES = frozenset(
    (
        *(200, 201, 202, 203, 204, 205, 206, 207, 208, 226),
        *(300, 301, 302, 303, 304, 305, 307, 308),
        *range(400, 418),
        *(421, 422, 423, 424, 426, 428, 429, 431),
        *range(500, 509),
        *(510, 511),
    )
)
"""What Envoy can answer with (envoy/type/v3/http_status.proto)."""


def external_checks(
    providers: Iterable[ExtensionProvider], services: Collection[tuple[str, str]]
) -> dict[str, external_check.ExternalCheck]:
    """Return the authorizers that can be used, by name.

    One whose service is not known, or is not the only one of its host, or whose name
    stands twice, is left out: what it would decide is then refused.

    Args:
        providers: The mesh's extension providers, of any kind.
        services: Namespace and host of those the proxy may reach.

    """
    given = tuple(providers)
    times = Counter(each.name for each in given)
    found = {}
    for each in given:
        settings = each.envoy_ext_authz_http or each.envoy_ext_authz_grpc
        if settings is None or not each.name or times[each.name] > 1:
            continue
        check = _check(settings, services)
        if check is not None:
            found[each.name] = check
    return found


def _check(
    given: EnvoyExtAuthzHttp | EnvoyExtAuthzGrpc,
    services: Collection[tuple[str, str]],
) -> external_check.ExternalCheck | None:
    host = only_host(given.service, services)
    status = given.status_on_error
    readable = not status or (status.isdecimal() and int(status) in STATUSES)
    if host is None or not readable or not 1 <= given.port <= HIGHEST_PORT:
        return None
    http = _http(given) if isinstance(given, EnvoyExtAuthzHttp) else None
    if http is not None and http.path_prefix and not http.path_prefix.startswith("/"):
        return None
    body = given.include_request_body_in_check
    return external_check.ExternalCheck(
        cluster=outbound_cluster(given.port, "", host),
        host=host,
        timeout=given.timeout.nanoseconds if given.timeout else DEFAULT_TIMEOUT,
        http=http,
        allow_on_error=bool(given.fail_open),
        status_on_error=int(status) if status else None,
        body=None
        if body is None
        else external_check.Body(
            most_bytes=body.max_request_bytes or 0,
            partial=bool(body.allow_partial_message),
            as_bytes=bool(body.pack_as_bytes),
        ),
        clear_route_cache=bool(given.clear_route_cache),
    )


def _http(given: EnvoyExtAuthzHttp) -> external_check.HttpCheck:
    sent = given.include_request_headers_in_check or given.include_headers_in_check
    return external_check.HttpCheck(
        path_prefix=given.path_prefix or "",
        sent=_names(sent),
        added=tuple(sorted(given.include_additional_headers_in_check.items())),
        upstream=_names(given.headers_to_upstream_on_allow),
        refused=_names(given.headers_to_downstream_on_deny),
        allowed=_names(given.headers_to_downstream_on_allow),
    )


def _names(headers: Iterable[str]) -> tuple[rbac.Text, ...]:
    return tuple(_name(each) for each in headers)


def _name(header: str) -> rbac.Text:
    """Return a comparison of header names, which have no case."""
    if header == "*":
        return rbac.Text(rbac.Compare.REGEX, ".*", ignore_case=True)
    if header.startswith("*"):
        return rbac.Text(rbac.Compare.SUFFIX, header[1:], ignore_case=True)
    if header.endswith("*"):
        return rbac.Text(rbac.Compare.PREFIX, header[:-1], ignore_case=True)
    return rbac.Text(rbac.Compare.EXACT, header, ignore_case=True)
