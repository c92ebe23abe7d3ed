"""MeshConfig: what holds for the mesh as a whole."""

from enum import StrEnum
from typing import ClassVar

import msgspec

from meltemi.config.schema.extension_provider import ExtensionProvider
from meltemi.config.schema.http_route import HTTPRetry
from meltemi.config.schema.label_selector import LabelSelector
from meltemi.config.schema.load_balancer import (
    LocalityLoadBalancerSetting,
    ZoneAwareLoadBalancerSetting,
)
from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.schema.traffic_policy import (
    ClientTLSSettings,
    ConnectionPoolSettings,
    OutlierDetection,
    TcpKeepalive,
)
from meltemi.config.values import Duration, Int32


class IngressControllerMode(StrEnum):
    """Which Ingress objects are read."""

    UNSPECIFIED = "UNSPECIFIED"
    OFF = "OFF"
    DEFAULT = "DEFAULT"
    """Those without a class, or with ours."""
    STRICT = "STRICT"
    """Those with our class."""


class AccessLogEncoding(StrEnum):
    """How the default access log is written."""

    TEXT = "TEXT"
    JSON = "JSON"


class MeshOutboundMode(StrEnum):
    """What becomes of traffic to hosts nobody described."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    """Refused."""
    ALLOW_ANY = "ALLOW_ANY"
    """Sent where it was going."""
    ALLOW_ANY_DYNAMIC_DNS = "ALLOW_ANY_DYNAMIC_DNS"
    """HTTP: to the address of its Host header, looked up then; the rest ALLOW_ANY."""


class InboundMode(StrEnum):
    """Where a sidecar sends what it takes for its workload."""

    PASSTHROUGH = "PASSTHROUGH"
    """To the address the client connected to."""
    LOCALHOST = "LOCALHOST"


class MeshH2UpgradePolicy(StrEnum):
    """Whether HTTP/1.1 requests travel as HTTP/2."""

    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class Normalization(StrEnum):
    """How request paths are normalised before anything looks at them."""

    DEFAULT = "DEFAULT"
    """BASE."""
    NONE = "NONE"
    BASE = "BASE"
    """RFC 3986 section 6: dot segments, percent-encoding."""
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


class MeshTLSProtocol(StrEnum):
    """A version of TLS."""

    TLS_AUTO = "TLS_AUTO"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class ConfigResource(StrEnum):
    """What a source of configuration is asked for."""

    SERVICE_REGISTRY = "SERVICE_REGISTRY"


class ServiceScope(StrEnum):
    """Who may see a service, in a mesh of several clusters."""

    LOCAL = "LOCAL"
    GLOBAL = "GLOBAL"


class EntryVisibility(StrEnum):
    """Who may see a ServiceEntry, whatever it says itself."""

    UNSPECIFIED = "UNSPECIFIED"
    """PUBLIC."""
    PUBLIC = "PUBLIC"
    NAMESPACE = "NAMESPACE"
    """Its own namespace."""
    NONE = "NONE"


class MeshOutboundTrafficPolicy(Message, frozen=True, kw_only=True):
    """What becomes of traffic to unknown hosts."""

    mode: MeshOutboundMode | None = None
    """REGISTRY_ONLY where the message is present, as protobuf's zero."""
    tls: ClientTLSSettings | None = None
    """For ALLOW_ANY_DYNAMIC_DNS."""


class InboundTrafficPolicy(Message, frozen=True, kw_only=True):
    """Where a sidecar sends what it takes for its workload."""

    mode: InboundMode | None = None
    """Default PASSTHROUGH."""


class ConfigSource(Message, frozen=True, kw_only=True):
    """A further source of configuration."""

    address: str | None = None
    tls_settings: ClientTLSSettings | None = None
    subscribed_resources: tuple[ConfigResource, ...] = ()


class CertificateData(OneOf, frozen=True, kw_only=True):
    """An authority workloads trust beside the mesh's own. One of two is set."""

    ONE_OF: ClassVar = (("pem", "spiffe_bundle_url"),)

    pem: str | None = None
    spiffe_bundle_url: str | None = None
    cert_signers: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    """Whose workloads it signs; default the mesh's and its aliases."""


class Certificate(Message, frozen=True, kw_only=True):
    """Deprecated by Istio, and without effect."""

    secret_name: str | None = None
    dns_names: tuple[str, ...] = ()


class ServiceSettingsValues(Message, frozen=True, kw_only=True):
    """What is said of the services."""

    cluster_local: bool | None = None
    """Clients use endpoints of their own cluster only."""


class ServiceSettings(Message, frozen=True, kw_only=True):
    """Settings of some services."""

    settings: ServiceSettingsValues | None = None
    hosts: tuple[str, ...] = ()
    """May begin with ``*``."""


class ServiceScopeConfig(Message, frozen=True, kw_only=True):
    """The scope of some services."""

    namespace_selector: LabelSelector | None = None
    services_selector: LabelSelector | None = None
    scope: ServiceScope | None = None


class VisibilityRule(Message, frozen=True, kw_only=True):
    """Which ServiceEntries a policy is about."""

    namespace_selector: LabelSelector | None = None


class VisibilityPolicy(Message, frozen=True, kw_only=True):
    """The visibility of the ServiceEntries that match every rule."""

    visibility: EntryVisibility | None = None
    matching_rules: tuple[VisibilityRule, ...] = ()


class ServiceEntryVisibility(Message, frozen=True, kw_only=True):
    """How far ServiceEntries may be seen: the first policy that matches."""

    default_visibility: EntryVisibility | None = None
    policies: tuple[VisibilityPolicy, ...] = ()
    apply_to_sidecars: bool | None = None


class CA(Message, frozen=True, kw_only=True):
    """An authority elsewhere that signs workloads' certificates."""

    address: str
    tls_settings: ClientTLSSettings | None = None
    request_timeout: Duration | None = None
    """Default 10 s."""
    istiod_side: bool | None = None
    """Default true."""


class DefaultProviders(Message, frozen=True, kw_only=True):
    """Providers used where a Telemetry names none."""

    tracing: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    access_logging: tuple[str, ...] = ()


class ProxyPathNormalization(Message, frozen=True, kw_only=True):
    """How request paths are normalised."""

    normalization: Normalization | None = None


class TLSConfig(Message, frozen=True, kw_only=True):
    """Limits of TLS."""

    min_protocol_version: MeshTLSProtocol | None = None
    """Default TLSV1_2."""
    ecdh_curves: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()


class DefaultTrafficPolicy(Message, frozen=True, kw_only=True):
    """What every outbound cluster begins with; DestinationRules override it."""

    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None


class MeshConfig(Message, frozen=True, kw_only=True):
    """Settings of the mesh. What is absent has Istio's default."""

    proxy_listen_port: Int32 | None = None
    """Where sidecars take outbound traffic; default 15001."""
    proxy_inbound_listen_port: Int32 | None = None
    """Where sidecars take inbound traffic; default 15006."""
    proxy_http_port: Int32 | None = None
    """Where sidecars act as an HTTP proxy; default nowhere."""
    connect_timeout: Duration | None = None
    """At least 1 ms; default 10 s."""
    hbone_idle_timeout: Duration | None = None
    """Default 1 h."""
    protocol_detection_timeout: Duration | None = None
    """Longest to wait for a client's first bytes; default 0, which is for ever."""
    tcp_keepalive: TcpKeepalive | None = None
    ingress_class: str | None = None
    """Default istio."""
    ingress_service: str | None = None
    """Default istio-ingressgateway."""
    ingress_controller_mode: IngressControllerMode | None = None
    """Default STRICT."""
    ingress_selector: str | None = None
    """Default ingressgateway."""
    enable_tracing: bool | None = None
    """Default true."""
    access_log_file: str | None = None
    """Empty turns the log off, which is the default."""
    access_log_format: str | None = None
    access_log_encoding: AccessLogEncoding | None = None
    """Default TEXT."""
    enable_envoy_access_log_service: bool | None = None
    disable_envoy_listener_log: bool | None = None
    default_config: ProxyDefaults | None = None
    outbound_traffic_policy: MeshOutboundTrafficPolicy | None = None
    """Default ALLOW_ANY."""
    inbound_traffic_policy: InboundTrafficPolicy | None = None
    config_sources: tuple[ConfigSource, ...] = ()
    enable_auto_mtls: bool | None = None
    """Use mutual TLS where the server can; default true."""
    trust_domain: str | None = None
    """Default cluster.local."""
    trust_domain_aliases: tuple[str, ...] = ()
    """Trust domains whose identities count as ours."""
    ca_certificates: tuple[CertificateData, ...] = ()
    default_service_export_to: tuple[str, ...] = ()
    """Default everywhere."""
    default_virtual_service_export_to: tuple[str, ...] = ()
    default_destination_rule_export_to: tuple[str, ...] = ()
    root_namespace: str | None = None
    """Where mesh-wide objects are; default istio-system."""
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    """Default enabled; acts where outlier detection is on."""
    zone_aware_lb_setting: ZoneAwareLoadBalancerSetting | None = None
    dns_refresh_rate: Duration | None = None
    """Default 60 s."""
    h2_upgrade_policy: MeshH2UpgradePolicy | None = None
    inbound_cluster_stat_name: str | None = None
    """A pattern with ``%SERVICE%`` and its like."""
    outbound_cluster_stat_name: str | None = None
    certificates: tuple[Certificate, ...] = ()
    service_settings: tuple[ServiceSettings, ...] = ()
    service_scope_configs: tuple[ServiceScopeConfig, ...] = ()
    service_entry_visibility: ServiceEntryVisibility | None = None
    enable_prometheus_merge: bool | None = None
    """Serve the application's metrics with the proxy's; default true."""
    verify_certificate_at_client: bool | None = None
    """Verify servers against the system's authorities by default; default true."""
    ca: CA | None = None
    extension_providers: tuple[ExtensionProvider, ...] = ()
    default_providers: DefaultProviders | None = None
    discovery_selectors: tuple[LabelSelector, ...] = ()
    """Namespaces the mesh looks at; default all."""
    path_normalization: ProxyPathNormalization | None = None
    default_http_retry_policy: HTTPRetry | None = None
    default_inbound_http_retry_policy: HTTPRetry | None = None
    default_traffic_policy: DefaultTrafficPolicy | None = None
    mesh_mtls: TLSConfig | None = msgspec.field(default=None, name="meshMTLS")
    """TLS between workloads."""
    tls_defaults: TLSConfig | None = None
    """All other TLS."""
