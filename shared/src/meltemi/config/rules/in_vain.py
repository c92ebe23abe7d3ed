"""What an object says in vain because of what else it says, or of a value.

What is always in vain is a table (`meltemi.config.rules.effect`);
``docs/differences.md`` lists both for readers.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.finding import Severity
from meltemi.config.heard import spelled
from meltemi.config.proxy_annotation import (
    ANNOTATION,
    InvalidProxyAnnotationError,
    proxy_annotation,
)
from meltemi.config.rules.cel import check_expression
from meltemi.config.rules.effect import NO_EFFECT
from meltemi.config.rules.problem import warning
from meltemi.config.rules.provider import (
    UNKNOWN_PROVIDER,
    known_providers,
    named_by_mesh,
)
from meltemi.config.schema.envoy_filter import ApplyTo, EnvoyFilter
from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.config.schema.proxy_config import ProxyConfig
from meltemi.config.schema.telemetry import IstioMetric, Telemetry
from meltemi.config.schema.traffic_extension import TrafficExtension
from meltemi.config.schema.wasm import FailStrategy, WasmModule
from meltemi.config.schema.wasm_plugin import WasmPlugin
from meltemi.config.schema.workload_group import WorkloadGroup
from meltemi.config.starting import is_tellable, untold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.extension_provider import (
        ExtensionProvider,
        ProviderHeader,
    )
    from meltemi.config.schema.message import Message
    from meltemi.config.schema.proxy_defaults import ProxyDefaults
    from meltemi.config.schema.telemetry import Metrics

NOT_FETCHED: Final = "MODULE_NOT_FETCHED"
REFUSED: Final = "REFUSED_BY_ENVOY"
PEERS: Final = re.compile(r"\b(?:up|down)stream_peer\b")
"""What Istio's filters note of the other side; its name stands in expressions."""
OURS: Final = frozenset((NO_EFFECT, NOT_FETCHED, REFUSED, UNKNOWN_PROVIDER))
"""The codes of what Istio says nothing about."""
OF_GRPC: Final = (IstioMetric.GRPC_REQUEST_MESSAGES, IstioMetric.GRPC_RESPONSE_MESSAGES)
NOT_SERVED: Final = (ApplyTo.BOOTSTRAP, ApplyTo.EXTENSION_CONFIG)
DEAD_PROVIDERS: Final = ("stackdriver", "opencensus", "sds")


def check_in_vain(spec: Message) -> Iterator[Finding]:
    """Warn of each field of ``spec`` that changes nothing as it is written."""
    match spec:
        case Telemetry() as telemetry:
            yield from _telemetry(telemetry)
        case MeshConfig() as mesh:
            yield from _mesh(mesh)
        case EnvoyFilter() as changes:
            yield from _patches(changes)
        case ProxyConfig() as proxy:
            yield from _proxy(proxy)
        case WorkloadGroup() as group:
            yield from _group(group)
        case WasmPlugin() as plugin:
            yield from _module("spec", plugin)
        case TrafficExtension(wasm=WasmModule() as module):
            yield from _module("spec.wasm", module)


def _nothing(path: str, message: str, hint: str = "") -> Finding:
    return warning(path, message, hint, code=NO_EFFECT)


def _patches(spec: EnvoyFilter) -> Iterator[Finding]:
    for index, each in enumerate(spec.config_patches):
        if each.apply_to in NOT_SERVED:
            yield _nothing(
                f"spec.configPatches[{index}].applyTo",
                f"{each.apply_to} is not among what Pilot sends",
            )


def _module(path: str, module: WasmModule) -> Iterator[Finding]:
    """Yield what becomes of a module that no agent takes as it is told to."""
    opens = module.fail_strategy is FailStrategy.FAIL_OPEN
    then = "traffic passes without it" if opens else "its traffic is refused"
    if module.url.startswith("http://") and not module.sha256:
        yield warning(
            f"{path}.sha256",
            "a module of unknown hash is not fetched in plain text but from servers "
            f"that an agent's AGENT_WASM_PLAIN_SERVERS names: {then}",
            "write the module's SHA-256, or use https",
            code=NOT_FETCHED,
        )
    if module.verification_key:
        message = "signatures of images are not checked, in Istio neither"
        yield _nothing(f"{path}.verificationKey", message)


def _telemetry(spec: Telemetry) -> Iterator[Finding]:
    for index, tracing in enumerate(spec.tracing):
        if tracing.disable_context_propagation:
            yield _nothing(
                f"spec.tracing[{index}].disableContextPropagation",
                "trace headers are passed on all the same",
            )
    for index, logging in enumerate(spec.access_logging):
        expression = (logging.filter.expression if logging.filter else None) or ""
        if PEERS.search(expression):
            yield _nothing(
                f"spec.accessLogging[{index}].filter.expression",
                "it asks for Istio's own state, which is unknown here",
            )
        if logging.filter and not logging.providers:
            yield _nothing(
                f"spec.accessLogging[{index}].filter",
                "a filter is of the providers named beside it, as in Istio",
                "name the providers in the same entry",
            )
    for index, metrics in enumerate(spec.metrics):
        yield from _metrics(f"spec.metrics[{index}]", metrics)


def _metrics(path: str, metrics: Metrics) -> Iterator[Finding]:
    if metrics.reporting_interval is not None:
        yield _nothing(
            f"{path}.reportingInterval",
            "bytes of a TCP connection are counted when it ends",
        )
    for index, override in enumerate(metrics.overrides):
        match = override.match
        for name, tag in override.tag_overrides.items():
            tagged = f'{path}.overrides[{index}].tagOverrides["{name}"].value'
            yield from _expression(tagged, tag.value or "")
        here = f"{path}.overrides[{index}].match"
        if match and match.metric in OF_GRPC:
            message = "messages of gRPC are not counted"
            yield _nothing(f"{here}.metric", message)
        if match and match.custom_metric and not _known(match.custom_metric):
            message = f"there is no metric {match.custom_metric!r}"
            yield _nothing(f"{here}.customMetric", message)


def _expression(path: str, text: str) -> Iterator[Finding]:
    """Yield what is wrong with a CEL expression that the rules let pass, as Istio's."""
    for finding in check_expression(path, text) if text else ():
        yield replace(finding, severity=Severity.WARNING, code=REFUSED)
    if PEERS.search(text):
        yield _nothing(path, "it asks for Istio's own state, which is unknown here")


def _known(metric: str) -> bool:
    return metric.removeprefix("istio_") in METRICS


METRICS: Final = frozenset(
    (
        *("requests_total", "request_duration_milliseconds"),
        *("request_bytes", "response_bytes"),
        *("tcp_connections_opened_total", "tcp_connections_closed_total"),
        *("tcp_sent_bytes_total", "tcp_received_bytes_total"),
    )
)
"""Istio's standard metrics that proxies count, after ``istio_``."""


def _mesh(spec: MeshConfig) -> Iterator[Finding]:
    if spec.enable_envoy_access_log_service:
        yield _nothing(
            "spec.enableEnvoyAccessLogService",
            "no proxy has the service's cluster",
            "name a provider envoyHttpAls or envoyTcpAls in a Telemetry",
        )
    known = known_providers(spec)
    for path, name in named_by_mesh(spec):
        if name.casefold() not in known:
            yield warning(
                path,
                f"{name!r} is none of extensionProviders: it is told nothing",
                f"there are {', '.join(known.values())}",
                code=UNKNOWN_PROVIDER,
            )
    for index, provider in enumerate(spec.extension_providers):
        yield from _provider(f"spec.extensionProviders[{index}]", provider)
    for index, data in enumerate(spec.ca_certificates):
        if data.cert_signers:
            yield _nothing(
                f"spec.caCertificates[{index}].certSigners",
                "signers are Kubernetes'; here Citadel alone signs",
            )
    if spec.default_config is not None:
        yield from _told_proxies("spec.defaultConfig", spec.default_config)


def proxy_settings(path: str, given: ProxyDefaults) -> Iterator[Finding]:
    """Yield a warning for each of a proxy's settings at ``path`` without effect."""
    for field in msgspec.structs.fields(given):
        said = getattr(given, field.name)
        if said not in (None, (), {}) and field.name not in READ_BY_PILOT:
            yield _nothing(
                f"{path}.{field.encode_name}",
                "a proxy reads it at its start, from what its agent is told",
                SAY_IT_TO_THE_AGENT,
            )
    tracing, limits = given.tracing, given.connection_settings
    for kind in TRACERS:
        if tracing and getattr(tracing, kind) is not None:
            yield _nothing(
                f"{path}.tracing.{COLLECTOR.get(kind, kind)}",
                "spans are told to nobody that is named here",
                "name a provider in extensionProviders and in defaultProviders.tracing",
            )
    if limits and limits.global_downstream_connection_limit:
        yield _nothing(
            f"{path}.connectionSettings.globalDownstreamConnectionLimit",
            "a proxy reads it at its start, from what its agent is told",
            SAY_IT_TO_THE_AGENT,
        )


SAY_IT_TO_THE_AGENT: Final = (
    "say it in AGENT_PROXY_CONFIG of each agent, see docs/agent.md"
)
READ_BY_PILOT: Final = frozenset(
    (
        *("tracing", "tracing_service_name", "gateway_topology"),
        *("proxy_headers", "connection_settings"),
    )
)
"""What of a proxy's settings changes what it is sent."""
TRACERS: Final = ("zipkin", "lightstep", "datadog", "stackdriver", "open_census_agent")
DEAD_TRACERS: Final = ("lightstep", "stackdriver", "open_census_agent")
PILOTS_FIELDS: Final = frozenset(map(spelled, READ_BY_PILOT)) - {"tracing"}
COLLECTOR: Final = {"open_census_agent": "openCensusAgent"}


def _told_proxies(path: str, given: ProxyDefaults) -> Iterator[Finding]:
    """Yield what of MeshConfig's defaultConfig neither Pilot nor an agent acts on."""
    for part in untold(given):
        field = part.partition(".")[0].partition("[")[0]
        if field in PILOTS_FIELDS:
            continue
        if part.endswith(".tlsSettings"):
            message = "an agent takes no files and no other certificates from the mesh"
            yield _nothing(f"{path}.{part}", message, SAY_IT_TO_THE_AGENT)
        elif field == "readinessProbe":
            hint = "a WorkloadGroup's probe says it for all its workloads"
            yield _nothing(f"{path}.{part}", MACHINES_OWN, hint)
        else:
            yield _nothing(f"{path}.{part}", MACHINES_OWN, SAY_IT_TO_THE_AGENT)
    for kind in DEAD_TRACERS:
        if given.tracing and getattr(given.tracing, kind) is not None:
            yield _nothing(
                f"{path}.tracing.{COLLECTOR.get(kind, kind)}",
                "spans are told to nobody that is named here",
                "name a provider in extensionProviders and in defaultProviders.tracing",
            )


MACHINES_OWN: Final = "no agent takes it from the mesh: it is its machine's to say"


def _proxy(spec: ProxyConfig) -> Iterator[Finding]:
    if spec.image is not None:
        message = "which Envoy runs is its machine's to say"
        yield _nothing("spec.image", message, "AGENT_ENVOY_PATH names the Envoy to run")
    for name in spec.environment_variables:
        if not is_tellable(name):
            path = f'spec.environmentVariables["{name}"]'
            yield _nothing(path, MACHINES_OWN, SAY_IT_TO_THE_AGENT)


def _group(spec: WorkloadGroup) -> Iterator[Finding]:
    if spec.probe is not None and spec.probe.exec is not None:
        message = "no workload runs a command for its group: it is never called"
        hint = "say --health exec:COMMAND, or AGENT_HEALTH_PROBE, on its machine"
        yield _nothing("spec.probe.exec", message, hint)
    text = spec.metadata.annotations.get(ANNOTATION) if spec.metadata else None
    if text is None:
        return
    path = f'spec.metadata.annotations["{ANNOTATION}"]'
    try:
        settings = proxy_annotation(text)
    except InvalidProxyAnnotationError as error:
        yield _nothing(path, f"it is not a ProxyConfig: {error}")
    else:
        yield from proxy_settings(path, settings)


def _provider(path: str, given: ExtensionProvider) -> Iterator[Finding]:
    for kind in DEAD_PROVIDERS:
        if getattr(given, kind) is not None:
            yield _nothing(f"{path}.{kind}", "nobody speaks to such a provider")
    for field, header in _headers(given):
        if header.env_name:
            yield _nothing(
                f"{path}.{field}",
                f"header {header.name!r} is left out: values are not taken from the "
                "control plane's environment",
                "write the value, or let the collector add it",
            )


def _headers(given: ExtensionProvider) -> Iterator[tuple[str, ProviderHeader]]:
    for index, header in enumerate(given.zipkin.headers if given.zipkin else ()):
        yield f"zipkin.headers[{index}]", header
    otel = given.opentelemetry
    if otel and otel.http:
        for index, header in enumerate(otel.http.headers):
            yield f"opentelemetry.http.headers[{index}]", header
    if otel and otel.grpc:
        for index, header in enumerate(otel.grpc.initial_metadata):
            yield f"opentelemetry.grpc.initialMetadata[{index}]", header
