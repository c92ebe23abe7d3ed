"""Whom an Envoy tells its spans, where the mesh names no provider. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.proxy.boot.clusters import DATADOG, ZIPKIN

if TYPE_CHECKING:
    from meltemi.config.schema.proxy_defaults import ProxyDefaults
    from meltemi.proxy.boot.plain import JSON

TRACE: Final = "type.googleapis.com/envoy.config.trace.v3."


def tracer(config: ProxyDefaults, service: str) -> JSON | None:
    """Return who is told of spans, as ``config`` says; None where it says nobody.

    Args:
        config: What the proxy is told.
        service: What the proxy calls itself there.

    """
    tracing = config.tracing
    if tracing and tracing.zipkin and tracing.zipkin.address:
        return _http(
            "envoy.tracers.zipkin",
            {
                "@type": f"{TRACE}ZipkinConfig",
                "collector_cluster": ZIPKIN,
                "collector_endpoint": "/api/v2/spans",
                "collector_endpoint_version": "HTTP_JSON",
                "trace_id_128bit": True,
                "shared_span_context": False,
            },
        )
    if tracing and tracing.datadog and tracing.datadog.address:
        return _http(
            "envoy.tracers.datadog",
            {
                "@type": f"{TRACE}DatadogConfig",
                "collector_cluster": DATADOG,
                "service_name": service,
            },
        )
    return None


def _http(name: str, config: JSON) -> JSON:
    return {"http": {"name": name, "typed_config": config}}
