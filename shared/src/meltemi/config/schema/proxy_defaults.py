"""What every proxy of the mesh starts with (istio.mesh.v1alpha1.ProxyConfig)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from meltemi.config.schema.connection_settings import ConnectionSettings
from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.proxy_config import ProxyImage
from meltemi.config.schema.proxy_headers import ProxyHeaders, Topology
from meltemi.config.schema.proxy_tracing import ProxyTracing
from meltemi.config.schema.traffic_policy import ClientTLSSettings, TcpKeepalive
from meltemi.config.schema.workload_group import ReadinessProbe
from meltemi.config.values import Duration, Int32, NaturalInt32, UInt32


class AuthenticationPolicy(StrEnum):
    """How a proxy authenticates to the control plane."""

    NONE = "NONE"
    MUTUAL_TLS = "MUTUAL_TLS"
    INHERIT = "INHERIT"


class TracingServiceName(StrEnum):
    """What a proxy calls its service in spans."""

    APP_LABEL_AND_NAMESPACE = "APP_LABEL_AND_NAMESPACE"
    CANONICAL_NAME_ONLY = "CANONICAL_NAME_ONLY"
    CANONICAL_NAME_AND_NAMESPACE = "CANONICAL_NAME_AND_NAMESPACE"


class InboundInterceptionMode(StrEnum):
    """How the kernel hands a workload's inbound traffic to its proxy."""

    REDIRECT = "REDIRECT"
    """NAT: the client's address is lost."""
    TPROXY = "TPROXY"
    """The client's address is kept; needs CAP_NET_ADMIN."""
    NONE = "NONE"


class SDS(Message, frozen=True, kw_only=True):
    """Deprecated by Istio, and without effect."""

    enabled: bool | None = None
    k8s_sa_jwt_path: str | None = None


class RemoteService(Message, frozen=True, kw_only=True):
    """A service the proxy reports to."""

    address: str | None = None
    """``host:port``."""
    tls_settings: ClientTLSSettings | None = None
    tcp_keepalive: TcpKeepalive | None = None


class ProxyStatsMatcher(Message, frozen=True, kw_only=True):
    """Statistics of Envoy to keep beside Istio's usual ones."""

    inclusion_prefixes: tuple[str, ...] = ()
    inclusion_suffixes: tuple[str, ...] = ()
    inclusion_regexps: tuple[str, ...] = ()


class CryptoMb(Message, frozen=True, kw_only=True):
    """Private keys handled by AVX-512 instructions."""

    poll_delay: Duration | None = None
    fallback: bool | None = None


class QAT(Message, frozen=True, kw_only=True):
    """Private keys handled by QuickAssist hardware."""

    poll_delay: Duration | None = None
    fallback: bool | None = None


class PrivateKeyProvider(OneOf, frozen=True, kw_only=True):
    """Who does the private-key operations of TLS. One of the fields is set."""

    ONE_OF: ClassVar = (("cryptomb", "qat"),)

    cryptomb: CryptoMb | None = None
    qat: QAT | None = None


class ProxyDefaults(OneOf, frozen=True, kw_only=True):
    """Settings a proxy starts with; what changes them takes effect at a restart."""

    ONE_OF: ClassVar = (("service_cluster", "tracing_service_name"),)

    config_path: str | None = None
    """Folder of the generated bootstrap."""
    binary_path: str | None = None
    service_cluster: str | None = None
    tracing_service_name: TracingServiceName | None = None
    drain_duration: Duration | None = None
    """Default 45 s."""
    parent_shutdown_duration: Duration | None = None
    """Removed from Istio's API, and without effect."""
    discovery_address: str | None = None
    """``host:port`` of the control plane's xDS."""
    discovery_refresh_delay: Duration | None = None
    """Deprecated by Istio, and without effect."""
    zipkin_address: str | None = None
    """Deprecated: ``tracing.zipkin.address``."""
    statsd_udp_address: str | None = None
    envoy_metrics_service_address: str | None = None
    """Deprecated: ``envoy_metrics_service``."""
    proxy_admin_port: Int32 | None = None
    """Default 15000."""
    availability_zone: str | None = None
    """Deprecated by Istio, and without effect."""
    control_plane_auth_policy: AuthenticationPolicy | None = None
    """Default MUTUAL_TLS."""
    custom_config_file: str | None = None
    stat_name_length: Int32 | None = None
    """Default 189."""
    concurrency: NaturalInt32 | None = None
    """Worker threads; 0 takes as many as there are CPUs."""
    proxy_bootstrap_template_path: str | None = None
    interception_mode: InboundInterceptionMode | None = None
    """Default REDIRECT."""
    tracing: ProxyTracing | None = None
    sds: SDS | None = None
    envoy_access_log_service: RemoteService | None = None
    envoy_metrics_service: RemoteService | None = None
    proxy_metadata: Mapping[str, str] = {}
    """Environment; ``ISTIO_META_X`` becomes node metadata ``X``."""
    runtime_values: Mapping[str, str] = {}
    """Envoy's runtime."""
    status_port: Int32 | None = None
    """Default 15020."""
    extra_stat_tags: tuple[str, ...] = ()
    gateway_topology: Topology | None = None
    termination_drain_duration: Duration | None = None
    """Default 5 s."""
    mesh_id: str | None = None
    """Default: the trust domain."""
    readiness_probe: ReadinessProbe | None = None
    proxy_stats_matcher: ProxyStatsMatcher | None = None
    hold_application_until_proxy_starts: bool | None = None
    ca_certificates_pem: tuple[str, ...] = ()
    image: ProxyImage | None = None
    private_key_provider: PrivateKeyProvider | None = None
    proxy_headers: ProxyHeaders | None = None
    file_flush_interval: Duration | None = None
    """Longest a line waits before it is written to an access log; default 1 s."""
    file_flush_min_size_kb: UInt32 | None = None
    """Default 64."""
    stats_compression: bool | None = None
    """Default true."""
    connection_settings: ConnectionSettings | None = None
