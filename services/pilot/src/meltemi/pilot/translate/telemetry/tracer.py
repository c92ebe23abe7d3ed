"""Who is told of spans: MeshConfig's tracing providers.

Source: pilot/pkg/networking/core/tracing.go configureFromProviderConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.schema.extension_provider import ZipkinTraceContext
from meltemi.config.schema.proxy_defaults import TracingServiceName
from meltemi.pilot import ir
from meltemi.pilot.translate.cluster.pool import nanoseconds
from meltemi.pilot.translate.telemetry.span_tag import canonical
from meltemi.pilot.translate.upstream import upstream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.config.schema.extension_provider import (
        DynatraceSampler,
        ExtensionProvider,
        HttpService,
        OpenTelemetryProvider,
        Provider,
        ProviderHeader,
        ZipkinProvider,
    )
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.translate.upstream import Upstream

ZIPKIN_PATH: Final = "/api/v2/spans"
ZIPKIN_TIMEOUT: Final = 5 * ir.SECOND
HTTP_TIMEOUT: Final = 3 * ir.SECOND
SAMPLING_PATH: Final = "api/v2/samplingConfiguration"
ROOT_SPANS: Final = 1000
LIGHTSTEP_TOKEN: Final = "lightstep-access-token"  # noqa: S105 - a header's name


def tracer(scope: Scope, given: ExtensionProvider) -> ir.TraceProvider | None:
    """Return who ``given`` is; None for one that takes no spans, or is out of reach."""
    found = _collector(given)
    to = upstream(scope, found) if found else None
    if to is None:
        return None
    here = ir.Collector(to.cluster, to.host, service_name(scope))
    if given.zipkin:
        return _zipkin(given.zipkin, to)
    if given.datadog:
        return ir.Datadog(here)
    if given.skywalking:
        return ir.SkyWalking(here, given.skywalking.access_token or "")
    if given.opentelemetry:
        return _opentelemetry(scope, given.opentelemetry, here)
    token = (given.lightstep.access_token if given.lightstep else None) or ""
    metadata = ((LIGHTSTEP_TOKEN, token),) if token else ()
    return ir.OpenTelemetry(here, ir.GrpcCall(metadata=metadata))


def limit(given: ExtensionProvider) -> int | None:
    """Return the longest path that a provider's spans hold; None: Envoy's own limit."""
    for each in (given.zipkin, given.datadog, given.opentelemetry, given.lightstep):
        if each and each.max_tag_length:
            return each.max_tag_length
    return None


def service_name(scope: Scope) -> str:
    """Return what a proxy calls its service in spans."""
    wanted = scope.proxy_defaults.tracing_service_name
    service, _ = canonical(scope)
    if wanted is TracingServiceName.CANONICAL_NAME_ONLY:
        return service
    if wanted is not TracingServiceName.CANONICAL_NAME_AND_NAMESPACE:
        service = scope.group.label_map.get("app") or service
    return f"{service}.{scope.group.namespace}"


def _collector(given: ExtensionProvider) -> Provider | None:
    return (
        given.zipkin
        or given.datadog
        or given.skywalking
        or given.opentelemetry
        or given.lightstep
    )


def _zipkin(given: ZipkinProvider, to: Upstream) -> ir.Zipkin:
    timeout = nanoseconds(given.timeout)
    option = given.trace_context_option
    return ir.Zipkin(
        call=ir.HttpCall(
            cluster=to.cluster,
            url=f"http://{to.host}{given.path or ZIPKIN_PATH}",
            timeout=ZIPKIN_TIMEOUT if timeout is None else timeout,
            headers=_headers(given.headers),
        ),
        wide_identifiers=not given.enable_64bit_trace_id,
        w3c=option is ZipkinTraceContext.USE_B3_WITH_W3C_PROPAGATION,
    )


def _opentelemetry(
    scope: Scope, given: OpenTelemetryProvider, to: ir.Collector
) -> ir.OpenTelemetry | None:
    how: ir.HttpCall | ir.GrpcCall
    if given.http:
        how = _call(given.http, to.cluster, to.host)
    else:
        grpc = given.grpc
        how = ir.GrpcCall(
            timeout=nanoseconds(grpc.timeout) if grpc else None,
            metadata=_headers(grpc.initial_metadata) if grpc else (),
        )
    sampler = None
    if given.dynatrace_sampler:
        sampler = _sampler(scope, given.dynatrace_sampler, how, to)
        if sampler is None:
            return None
    detectors = given.resource_detectors
    return ir.OpenTelemetry(
        to=to,
        how=how,
        detect_environment=bool(detectors and detectors.environment),
        detect_dynatrace=bool(detectors and detectors.dynatrace),
        sampler=sampler,
    )


def _sampler(
    scope: Scope,
    given: DynatraceSampler,
    how: ir.HttpCall | ir.GrpcCall,
    to: ir.Collector,
) -> ir.DynatraceSampler | None:
    """Return the sampler; None where nobody says whom it asks.

    Without a service of its own it asks the collector, as that is told over HTTP.
    """
    if given.http_service:
        there = upstream(scope, given.http_service)
        if there is None:
            return None
        call = _call(given.http_service.http, there.cluster, there.host)
    elif isinstance(how, ir.HttpCall):
        url = f"{to.host}/{SAMPLING_PATH}"
        call = ir.HttpCall(how.cluster, url, how.timeout, how.headers)
    else:
        return None
    return ir.DynatraceSampler(
        tenant=given.tenant,
        cluster_id=given.cluster_id,
        root_spans_per_minute=given.root_spans_per_minute or ROOT_SPANS,
        call=call,
    )


def _call(given: HttpService, cluster: str, host: str) -> ir.HttpCall:
    path = (given.path or "").lstrip("/")
    timeout = nanoseconds(given.timeout)
    return ir.HttpCall(
        cluster=cluster,
        url=f"{host}/{path}" if path else host,
        timeout=HTTP_TIMEOUT if timeout is None else timeout,
        headers=_headers(given.headers),
    )


def _headers(given: Iterable[ProviderHeader]) -> tuple[tuple[str, str], ...]:
    """Return headers with their values; one from our environment has none.

    A value of the control plane's environment would reach every proxy, and whoever
    reads its configuration.
    """
    return tuple((each.name, each.value) for each in given if each.value is not None)
