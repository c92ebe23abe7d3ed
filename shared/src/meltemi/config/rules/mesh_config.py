"""What must hold for a MeshConfig. What it leaves out has a default, which is right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cryptography import x509

from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.hosts import (
    HIGHEST_PORT,
    LABEL,
    check_export_to,
    check_host,
    check_port,
    check_unique,
    is_address,
    is_fqdn,
)
from meltemi.config.rules.http_action import check_retries
from meltemi.config.rules.locality import check_locality
from meltemi.config.rules.problem import problem, warning
from meltemi.config.rules.traffic_policy import check_outlier, check_pool
from meltemi.config.rules.workload_group import check_probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.extension_provider import ExtensionProvider
    from meltemi.config.schema.mesh_config import CertificateData, MeshConfig, TLSConfig
    from meltemi.config.schema.proxy_defaults import ProxyDefaults

SINGLETON: Final = "default"
"""The only name the document can have: a mesh has one."""
CURVES: Final = frozenset(("X25519", "X25519MLKEM768", "P-256", "P-384", "P-521"))
SECURE: Final = "https://"
HOUR: Final = 3_600_000_000_000
ADDRESS: Final = re.compile(r"(.+):([0-9]{1,5})")
HOST_ADDRESS: Final = "$(HOST_IP)"
"""Filled in by the proxy's environment."""


def check_mesh_config(spec: MeshConfig, metadata: Metadata) -> Iterator[Finding]:
    """Yield what Istio's ValidateMeshConfig says of the fields that are there."""
    yield from check_singleton(metadata.name)
    yield from _check_numbers(spec)
    for field, domain in (
        ("trustDomain", spec.trust_domain),
        *(
            (f"trustDomainAliases[{index}]", alias)
            for index, alias in enumerate(spec.trust_domain_aliases)
        ),
    ):
        if domain is not None and not is_trust_domain(domain):
            yield problem(f"spec.{field}", f"{domain!r} is not a trust domain")
    root = spec.root_namespace
    if root is not None and not LABEL.fullmatch(root):
        yield problem("spec.rootNamespace", f"{root!r} is not a namespace")
    for index, data in enumerate(spec.ca_certificates):
        yield from _check_authority(f"spec.caCertificates[{index}]", data)
    yield from _check_exports(spec)
    path = "spec.localityLbSetting"
    yield from check_locality(path, spec.locality_lb_setting, outlier=True)
    for index, settings in enumerate(spec.service_settings):
        for position, host in enumerate(settings.hosts):
            yield from check_host(
                f"spec.serviceSettings[{index}].hosts[{position}]", host
            )
    yield from _check_policies(spec)
    yield from _check_providers(spec.extension_providers)
    yield from _check_tls(spec)
    if spec.default_config is not None:
        yield from check_proxy_defaults("spec.defaultConfig", spec.default_config)


def _check_authority(path: str, data: CertificateData) -> Iterator[Finding]:
    """Yield what makes an authority useless; Istio finds that out when it reads it."""
    for index, domain in enumerate(data.trust_domains):
        if not is_trust_domain(domain):
            where = f"{path}.trustDomains[{index}]"
            yield problem(where, f"{domain!r} is not a trust domain")
    if data.pem is not None and not _has_certificates(data.pem):
        message = "there is no certificate in it that can be read"
        yield problem(f"{path}.pem", message, "write PEM: -----BEGIN CERTIFICATE-----")
    url = data.spiffe_bundle_url
    if url is not None and not url.startswith(SECURE):
        message = f"{url!r} is not fetched: whoever stands between could answer"
        yield problem(f"{path}.spiffeBundleUrl", message, f"write {SECURE}HOST/PATH")


def _has_certificates(pem: str) -> bool:
    try:
        return bool(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return False


def check_singleton(name: str) -> Iterator[Finding]:
    """Yield a finding unless a document the mesh has one of is called ``default``."""
    if name != SINGLETON:
        message = f"a mesh has one, called {SINGLETON!r}, not {name!r}"
        yield problem("metadata.name", message, f"write name: {SINGLETON}")


def is_trust_domain(domain: str) -> bool:
    """Tell whether ``domain`` is made of DNS labels, as Istio's ValidateTrustDomain."""
    labels = domain.removesuffix(".").split(".")
    return bool(domain) and all(LABEL.fullmatch(label) for label in labels)


def check_proxy_defaults(path: str, config: ProxyDefaults) -> Iterator[Finding]:
    """Yield what Istio's ValidateMeshConfigProxyConfig says of what is there."""
    yield from check_port(f"{path}.proxyAdminPort", config.proxy_admin_port)
    yield from check_port(f"{path}.statusPort", config.status_port)
    yield from check_duration(f"{path}.drainDuration", config.drain_duration)
    tracing = config.tracing
    logs, metrics = config.envoy_access_log_service, config.envoy_metrics_service
    addresses = {
        "discoveryAddress": config.discovery_address,
        "statsdUdpAddress": config.statsd_udp_address,
        "envoyMetricsServiceAddress": config.envoy_metrics_service_address,
        "envoyAccessLogService.address": logs and logs.address,
        "envoyMetricsService.address": metrics and metrics.address,
        "tracing.zipkin.address": tracing and tracing.zipkin and tracing.zipkin.address,
        "tracing.datadog.address": tracing
        and tracing.datadog
        and tracing.datadog.address,
    }
    for field, address in addresses.items():
        if address and not _is_host_and_port(address):
            message = f"{address!r} is not HOST:PORT"
            yield problem(f"{path}.{field}", message)
    if config.readiness_probe is not None:
        yield from check_probe(f"{path}.readinessProbe", config.readiness_probe)


def _check_numbers(spec: MeshConfig) -> Iterator[Finding]:
    ports = {
        "proxyListenPort": spec.proxy_listen_port,
        "proxyInboundListenPort": spec.proxy_inbound_listen_port,
        "proxyHttpPort": spec.proxy_http_port or None,
    }
    for field, port in ports.items():
        yield from check_port(f"spec.{field}", port)
    yield from check_duration("spec.connectTimeout", spec.connect_timeout)
    if spec.connect_timeout is not None and spec.connect_timeout.nanoseconds > HOUR:
        message = f"must be at most 1h, got {spec.connect_timeout}"
        yield problem("spec.connectTimeout", message)
    waits = spec.protocol_detection_timeout
    if waits is not None and waits.nanoseconds != 0:
        yield from check_duration("spec.protocolDetectionTimeout", waits)


def _check_exports(spec: MeshConfig) -> Iterator[Finding]:
    exports = {
        "defaultServiceExportTo": spec.default_service_export_to,
        "defaultVirtualServiceExportTo": spec.default_virtual_service_export_to,
        "defaultDestinationRuleExportTo": spec.default_destination_rule_export_to,
    }
    for field, scopes in exports.items():
        yield from check_export_to(f"spec.{field}", scopes, "", nobody=True)


def _check_policies(spec: MeshConfig) -> Iterator[Finding]:
    policy = spec.default_traffic_policy
    if policy is not None and policy.connection_pool is not None:
        path = "spec.defaultTrafficPolicy.connectionPool"
        yield from check_pool(path, policy.connection_pool)
    if policy is not None and policy.outlier_detection is not None:
        path = "spec.defaultTrafficPolicy.outlierDetection"
        yield from check_outlier(path, policy.outlier_detection)
    retries = spec.default_http_retry_policy
    yield from check_retries("spec.defaultHttpRetryPolicy", retries)
    inbound = spec.default_inbound_http_retry_policy
    yield from check_retries("spec.defaultInboundHttpRetryPolicy", inbound)


def _check_providers(providers: tuple[ExtensionProvider, ...]) -> Iterator[Finding]:
    names = (
        (f"spec.extensionProviders[{index}].name", provider.name)
        for index, provider in enumerate(providers)
    )
    yield from check_unique(names, "provider")
    for index, provider in enumerate(providers):
        path = f"spec.extensionProviders[{index}]"
        if not provider.name:
            yield problem(f"{path}.name", "a name is required")
        if all(getattr(provider, kind) is None for kind in provider.ONE_OF[0]):
            yield problem(path, "a provider is required", "such as prometheus: {}")


def _check_tls(spec: MeshConfig) -> Iterator[Finding]:
    if spec.mesh_mtls is not None and spec.mesh_mtls.ecdh_curves:
        message = "curves between workloads cannot be chosen"
        yield problem("spec.meshMTLS.ecdhCurves", message, "remove them")
    if spec.tls_defaults is not None:
        yield from _check_curves("spec.tlsDefaults.ecdhCurves", spec.tls_defaults)


def _check_curves(path: str, tls: TLSConfig) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, curve in enumerate(tls.ecdh_curves):
        if curve not in CURVES:
            yield warning(f"{path}[{index}]", f"{curve!r} is no known curve")
        elif curve in seen:
            yield warning(f"{path}[{index}]", f"{curve!r} stands twice")
        seen.add(curve)


def _is_host_and_port(address: str) -> bool:
    match = ADDRESS.fullmatch(address.replace(HOST_ADDRESS, "127.0.0.1"))
    if match is None or not 1 <= int(match[2]) <= HIGHEST_PORT:
        return False
    host = match[1].removeprefix("[").removesuffix("]")
    return is_address(host) or is_fqdn(host)
