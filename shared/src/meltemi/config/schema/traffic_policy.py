"""How a client treats the connections to a destination."""

from enum import StrEnum

import msgspec

from meltemi.config.schema.http_route import PortSelector
from meltemi.config.schema.load_balancer import LoadBalancerSettings
from meltemi.config.schema.message import Message
from meltemi.config.values import Duration, Int32, UInt32


class H2UpgradePolicy(StrEnum):
    """Whether HTTP/1.1 requests travel as HTTP/2."""

    DEFAULT = "DEFAULT"
    """As the mesh says."""
    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class ClientTLSMode(StrEnum):
    """How a client connects (ClientTLSSettings.TLSmode)."""

    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    """TLS without a client certificate."""
    MUTUAL = "MUTUAL"
    """TLS with the client certificate named here."""
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    """TLS with the mesh's own certificates."""


class ProxyProtocolVersion(StrEnum):
    """A version of the PROXY protocol."""

    V1 = "V1"
    V2 = "V2"


class TcpKeepalive(Message, frozen=True, kw_only=True):
    """SO_KEEPALIVE; absent values are the operating system's."""

    probes: UInt32 | None = None
    """Unanswered ones until it counts as dead; default: the system's."""
    time: Duration | None = None
    """Idle time before the first probe; whole seconds count."""
    interval: Duration | None = None
    """Time between probes; whole seconds count."""


class TCPSettings(Message, frozen=True, kw_only=True):
    """Limits of connections, for HTTP and TCP."""

    max_connections: Int32 | None = None
    """Default 2^32-1."""
    connect_timeout: Duration | None = None
    """At least 1 ms; default 10 s."""
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: Duration | None = None
    """Default unlimited."""
    idle_timeout: Duration | None = None
    """Default 1 h; 0 turns it off."""


class HTTP2KeepAlive(Message, frozen=True, kw_only=True):
    """PING frames on HTTP/2 connections; none unless both fields are set."""

    interval: Duration | None = None
    """Between two pings."""
    timeout: Duration | None = None
    """How long to wait for the answer."""


class HTTPSettings(Message, frozen=True, kw_only=True):
    """Limits of requests."""

    http1_max_pending_requests: Int32 | None = None
    """Requests that wait for a connection; default 2^32-1."""
    http2_max_requests: Int32 | None = None
    """Requests in flight, for HTTP/1 as well; default 2^32-1."""
    max_requests_per_connection: Int32 | None = None
    """1 turns keep-alive off; default unlimited."""
    max_retries: Int32 | None = None
    """Retries in flight; default 2^32-1."""
    idle_timeout: Duration | None = None
    """Default 1 h."""
    h2_upgrade_policy: H2UpgradePolicy | None = None
    """Whether HTTP/1.1 goes out as HTTP/2; default: as the mesh."""
    use_client_protocol: bool | None = None
    """Talk to the destination as the client talks to us; default false."""
    max_concurrent_streams: Int32 | None = None
    """Per HTTP/2 connection; default 2^31-1."""
    http2_keep_alive: HTTP2KeepAlive | None = None


class ConnectionPoolSettings(Message, frozen=True, kw_only=True):
    """Limits towards one destination."""

    tcp: TCPSettings | None = None
    http: HTTPSettings | None = None


class OutlierDetection(Message, frozen=True, kw_only=True):
    """Ejects endpoints that fail."""

    consecutive_errors: Int32 | None = None
    """Deprecated, and without effect."""
    split_external_local_origin_errors: bool | None = None
    """Count failures to connect apart from errors answered; default false."""
    consecutive_local_origin_failures: UInt32 | None = None
    """Needs the split; default 5."""
    consecutive_gateway_errors: UInt32 | None = None
    """502, 503, 504 in a row; 0 turns it off; default off."""
    consecutive_5xx_errors: UInt32 | None = msgspec.field(
        default=None, name="consecutive5xxErrors"
    )
    """5xx in a row; 0 turns it off; default 5."""
    interval: Duration | None = None
    """Between sweeps; at least 1 ms; default 10 s."""
    base_ejection_time: Duration | None = None
    """Times the number of ejections; at least 1 ms; default 30 s."""
    max_ejection_percent: Int32 | None = None
    """0..100; default 10."""
    min_health_percent: Int32 | None = None
    """Below it, ejections are ignored; 0..100; default 0."""
    outlier_detection_http_error_codes: tuple[UInt32, ...] = ()
    """HTTP codes that count as failures, 100..599; default 500..599."""


class ClientTLSSettings(Message, frozen=True, kw_only=True):
    """TLS towards a destination."""

    mode: ClientTLSMode | None = None
    """Default DISABLE."""
    client_certificate: str | None = None
    """Path of the certificate chain, PEM; required with MUTUAL unless a credential."""
    private_key: str | None = None
    """Path of the key, PEM; required with MUTUAL unless a credential."""
    ca_certificates: str | None = None
    """Path of the authorities; default: the system's."""
    credential_name: str | None = None
    """A named secret instead of the three paths."""
    subject_alt_names: tuple[str, ...] = ()
    """Names of which the server's certificate must carry one."""
    sni: str | None = None
    """Default: the host, for ISTIO_MUTUAL the cluster's name."""
    insecure_skip_verify: bool | None = None
    """Do not verify the server; default false."""
    ca_crl: str | None = None
    """Path of a revocation list, PEM."""


class PortTrafficPolicy(Message, frozen=True, kw_only=True):
    """The policy of one port: replaces the destination's whole (not merged)."""

    port: PortSelector | None = None
    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None


class TunnelSettings(Message, frozen=True, kw_only=True):
    """Reach the destination through an HTTP proxy."""

    protocol: str | None = None
    """CONNECT (default) or POST."""
    target_host: str
    """Where the tunnel ends."""
    target_port: UInt32
    """And at which port."""


class ProxyProtocol(Message, frozen=True, kw_only=True):
    """Send a PROXY header first."""

    version: ProxyProtocolVersion | None = None
    """Default V1."""


class RetryBudget(Message, frozen=True, kw_only=True):
    """Bounds retries as a share of the requests."""

    percent: float | None = None
    """0..100; default 20."""
    budget_interval: Duration | None = None
    """Over which requests are counted."""
    min_retry_concurrency: UInt32 | None = None
    """Retries that are always allowed; default 3."""


class TrafficPolicy(Message, frozen=True, kw_only=True):
    """What to do on the way to a host or subset."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None
