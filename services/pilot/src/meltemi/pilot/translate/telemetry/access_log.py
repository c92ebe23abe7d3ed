"""Access logs as Telemetry asks for them, else as MeshConfig does.

Source: pilot/pkg/model/telemetry.go mergeLogs and telemetry_logging.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meltemi.pilot import ir
from meltemi.pilot.translate.telemetry.levels import levels, matched, provider
from meltemi.pilot.translate.telemetry.log_format import TEXT, file_log, labels, line
from meltemi.pilot.translate.upstream import upstream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meltemi.config.schema.extension_provider import (
        EnvoyFileAccessLog,
        EnvoyHttpAls,
        EnvoyOtelAls,
        EnvoyTcpAls,
        ExtensionProvider,
    )
    from meltemi.config.schema.telemetry import AccessLogging, WorkloadMode
    from meltemi.pilot.scope.scope import Scope

BUILT_IN: Final = "envoy"
"""The provider whose format is MeshConfig's, where it has none of its own."""
STDOUT: Final = "/dev/stdout"
UNROUTED: Final = ("NR",)
"""A listener's own log holds the connections that no filter chain took."""
PEERS: Final = ("upstream_peer", "downstream_peer")
Wanted = dict[str, str | None]
"""By provider, the CEL expression of what is logged; None: nothing."""


def access_logs(scope: Scope, side: WorkloadMode) -> tuple[ir.Written, ...]:
    """Return the logs of what the proxies of ``scope`` do on one side of calls."""
    asked = [
        level.spec.access_logging
        for level in levels(scope)
        if level.spec.access_logging
    ]
    defaults = scope.config.document.default_providers
    names = defaults.access_logging if defaults else ()
    found = {
        name: (log, expression)
        for name, expression in sorted(wanted(asked, names, side).items())
        if (log := _provided(scope, name)) is not None
    }
    if not found:
        path = scope.config.access_log_file
        return (file_log(scope.config, path),) if path else ()
    return tuple(
        replace(log, only=ir.LogFilter(expression=expression))
        for log, expression in found.values()
        if expression is not None
    )


def unrouted(logs: Iterable[ir.Written]) -> tuple[ir.Written, ...]:
    """Return ``logs`` for a listener: of what never reached a filter chain."""
    return tuple(
        replace(each, only=replace(each.only, flags=UNROUTED)) for each in logs
    )


def wanted(
    levels: Sequence[tuple[AccessLogging, ...]],
    defaults: tuple[str, ...],
    side: WorkloadMode,
) -> Wanted:
    """Return what is logged, by provider: the narrowest level that names some wins.

    A filter is that of the entry which names the provider; an entry that names none
    is about those of the entry before.
    """
    if not levels:
        return dict.fromkeys(defaults, "")
    expressions, in_force = _named(levels, defaults, side)
    result: Wanted = {}
    parents = defaults
    for each in (each for level in levels for each in level):
        parents = tuple(ref.name for ref in each.providers) or parents
        if side not in matched(each.match):
            continue
        for name in parents:
            if name in in_force:
                result[name] = None if each.disabled else expressions.get(name, "")
    return result


def _named(
    levels: Sequence[tuple[AccessLogging, ...]],
    defaults: tuple[str, ...],
    side: WorkloadMode,
) -> tuple[dict[str, str], set[str]]:
    """Return the filters of the providers that are named, and those in force."""
    expressions: dict[str, str] = {}
    in_force = set(defaults)
    for level in levels:
        names = set()
        for each in level:
            if side not in matched(each.match):
                continue
            expression = (each.filter.expression if each.filter else None) or ""
            for ref in each.providers:
                expressions[ref.name] = expression
                names.add(ref.name)
        in_force = names or in_force
    return expressions, in_force


def _provided(scope: Scope, name: str) -> ir.Written | None:
    """Return the log of a provider; None where it has none that can be written."""
    found = provider(scope, name)
    if found is None:
        return None
    if found.envoy_file_access_log:
        return _file(scope, found, found.envoy_file_access_log)
    service = found.envoy_http_als or found.envoy_tcp_als
    if service:
        return _service(scope, service, found)
    return _otel(scope, found.envoy_otel_als) if found.envoy_otel_als else None


def _file(
    scope: Scope, named: ExtensionProvider, given: EnvoyFileAccessLog
) -> ir.FileLog:
    path, form = given.path or STDOUT, given.log_format
    omit = bool(given.omit_empty_values)
    if named.name == BUILT_IN and form is None and not omit:
        return file_log(scope.config, path)
    if form and form.labels is not None:
        return ir.FileLog(path, fields=labels(form.labels), omit_empty=omit)
    text = line((form.text if form else None) or "")
    return ir.FileLog(path, text=text, omit_empty=omit)


def _service(
    scope: Scope, given: EnvoyHttpAls | EnvoyTcpAls, named: ExtensionProvider
) -> ir.ServiceLog | None:
    to = upstream(scope, given)
    if to is None:
        return None
    http = named.envoy_http_als
    return ir.ServiceLog(
        cluster=to.cluster,
        authority=to.host,
        log_name=given.log_name or f"{'http' if http else 'tcp'}_envoy_accesslog",
        tcp=http is None,
        request_headers=http.additional_request_headers_to_log if http else (),
        response_headers=http.additional_response_headers_to_log if http else (),
        trailers=http.additional_response_trailers_to_log if http else (),
        state=given.filter_state_objects_to_log or PEERS,
    )


def _otel(scope: Scope, given: EnvoyOtelAls) -> ir.OtelLog | None:
    to = upstream(scope, given)
    if to is None:
        return None
    form = given.log_format
    written = (form.labels if form else None) or {}
    return ir.OtelLog(
        cluster=to.cluster,
        authority=to.host,
        log_name=given.log_name or "otel_envoy_accesslog",
        text=(form.text if form else None) or TEXT,
        labels=tuple(
            (name, value if isinstance(value, str) else "")
            for name, value in sorted(written.items())
        ),
    )
