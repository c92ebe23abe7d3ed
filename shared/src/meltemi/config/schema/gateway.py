"""Gateway: what a proxy at the edge listens to."""

from collections.abc import Mapping
from enum import StrEnum

from meltemi.config.schema.message import Message
from meltemi.config.values import UInt32


class ServerTLSMode(StrEnum):
    """How the server handles TLS (ServerTLSSettings.TLSmode)."""

    PASSTHROUGH = "PASSTHROUGH"
    """Route by SNI; the backend terminates."""
    SIMPLE = "SIMPLE"
    """Terminate, with a server certificate."""
    MUTUAL = "MUTUAL"
    """Terminate, and require a client certificate."""
    AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
    """Route by an SNI that names the cluster, without a VirtualService."""
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    """Terminate mutual TLS with the mesh's own certificates."""
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"
    """Terminate, and verify a client certificate where one is sent."""


class TLSProtocol(StrEnum):
    """A version of TLS (ServerTLSSettings.TLSProtocol)."""

    TLS_AUTO = "TLS_AUTO"
    TLSV1_0 = "TLSV1_0"
    TLSV1_1 = "TLSV1_1"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class Port(Message, frozen=True, kw_only=True):
    """The port a server listens on."""

    number: UInt32
    """1..65535."""
    protocol: str
    """HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS."""
    name: str
    """A label for people and metrics."""
    target_port: UInt32 | None = None
    """Deprecated by Istio, and without effect."""


class TLSCertificate(Message, frozen=True, kw_only=True):
    """One certificate of several: paths on the proxy's disk."""

    server_certificate: str | None = None
    """Path of the chain, PEM."""
    private_key: str | None = None
    """Path of its key, PEM."""
    ca_certificates: str | None = None
    """Path of the authorities clients are believed by, PEM."""


class ServerTLSSettings(Message, frozen=True, kw_only=True):
    """TLS towards clients."""

    https_redirect: bool | None = None
    """Answer 301 to https on a plain-text port; default false."""
    mode: ServerTLSMode | None = None
    """Default PASSTHROUGH."""
    server_certificate: str | None = None
    """Path of the certificate chain, PEM."""
    private_key: str | None = None
    """Path of its key, PEM."""
    ca_certificates: str | None = None
    """Path of the authorities that sign clients, PEM."""
    ca_crl: str | None = None
    """Path of their revocation list, PEM."""
    credential_name: str | None = None
    """A named secret instead of paths; not with the two below."""
    ca_cert_credential_name: str | None = None
    """A named secret that holds only the authorities."""
    credential_names: tuple[str, ...] = ()
    """Several named secrets, of different key types; at most two."""
    tls_certificates: tuple[TLSCertificate, ...] = ()
    """Several pairs of paths, of different key types; at most two."""
    subject_alt_names: tuple[str, ...] = ()
    """Names a client's certificate must carry."""
    verify_certificate_spki: tuple[str, ...] = ()
    """Base64 SHA-256 of accepted clients' public keys."""
    verify_certificate_hash: tuple[str, ...] = ()
    """Hex SHA-256 of accepted clients' certificates."""
    min_protocol_version: TLSProtocol | None = None
    """Default TLSV1_2."""
    max_protocol_version: TLSProtocol | None = None
    """Default: the newest."""
    cipher_suites: tuple[str, ...] = ()
    """Default: Envoy's."""
    ecdh_curves: tuple[str, ...] = ()
    """Default: Envoy's."""
    insecure_skip_verify: bool | None = None
    """Do not verify clients' certificates (MUTUAL, OPTIONAL_MUTUAL); default false."""


class Server(Message, frozen=True, kw_only=True):
    """One listener: a port, the hosts it serves, its TLS."""

    port: Port
    bind: str | None = None
    """An address or ``unix:///path`` to listen on; default every address."""
    hosts: tuple[str, ...] = ()
    """``[namespace/]host``; host may begin with ``*``, namespace may be ``.``/``*``."""
    tls: ServerTLSSettings | None = None
    default_endpoint: str | None = None
    """``127.0.0.1:PORT`` or ``unix://…`` for what matches no route; not in use."""
    name: str | None = None
    """Unique among the servers, for routes and statistics."""


class Gateway(Message, frozen=True, kw_only=True):
    """Listeners of the proxies that ``selector`` picks."""

    servers: tuple[Server, ...] = ()
    selector: Mapping[str, str] = {}
    """Labels of the proxies, in any namespace."""
