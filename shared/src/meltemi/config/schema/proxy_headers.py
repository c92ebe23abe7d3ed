"""Which headers of its own a proxy adds, and what it keeps of a client's."""

from enum import StrEnum

import msgspec

from meltemi.config.schema.message import Message
from meltemi.config.values import UInt32


class ForwardClientCertDetails(StrEnum):
    """What becomes of the X-Forwarded-Client-Cert header."""

    UNDEFINED = "UNDEFINED"
    SANITIZE = "SANITIZE"
    """Remove it."""
    FORWARD_ONLY = "FORWARD_ONLY"
    """Pass it on from clients with a certificate."""
    APPEND_FORWARD = "APPEND_FORWARD"
    """Add the client's certificate to it."""
    SANITIZE_SET = "SANITIZE_SET"
    """Replace it with the client's certificate."""
    ALWAYS_FORWARD_ONLY = "ALWAYS_FORWARD_ONLY"
    """Pass it on."""


class ProxyProtocolConfiguration(Message, frozen=True, kw_only=True):
    """Expect a PROXY header from whoever stands before the gateway."""


class Topology(Message, frozen=True, kw_only=True):
    """What stands before the gateways."""

    num_trusted_proxies: UInt32 | None = None
    """Hops of X-Forwarded-For to believe; default 0."""
    forward_client_cert_details: ForwardClientCertDetails | None = None
    """Default SANITIZE_SET."""
    proxy_protocol: ProxyProtocolConfiguration | None = None


class HeaderSwitch(Message, frozen=True, kw_only=True):
    """A header that is sent unless ``disabled``."""

    disabled: bool | None = None


class HeaderChoice(Message, frozen=True, kw_only=True):
    """A header that is sent when ``enabled``."""

    enabled: bool | None = None


class ServerHeader(Message, frozen=True, kw_only=True):
    """The ``server`` header."""

    disabled: bool | None = None
    value: str | None = None
    """Default istio-envoy."""


class MetadataExchangeMode(StrEnum):
    """Who gets the headers that describe the peer."""

    UNDEFINED = "UNDEFINED"
    """Everybody."""
    IN_MESH = "IN_MESH"
    """Hosts of the mesh."""


class MetadataExchangeHeaders(Message, frozen=True, kw_only=True):
    """The headers that describe the peer."""

    mode: MetadataExchangeMode | None = None


class SetCurrentClientCertDetails(Message, frozen=True, kw_only=True):
    """What X-Forwarded-Client-Cert says of the client's certificate."""

    subject: bool | None = None
    """Default true."""
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    """Default true."""
    uri: bool | None = None
    """Default true."""


class ProxyHeaders(Message, frozen=True, kw_only=True):
    """Headers a proxy adds to requests and answers."""

    forwarded_client_cert: ForwardClientCertDetails | None = None
    """Default APPEND_FORWARD at sidecars."""
    set_current_client_cert_details: SetCurrentClientCertDetails | None = None
    request_id: HeaderSwitch | None = None
    server: ServerHeader | None = None
    attempt_count: HeaderSwitch | None = None
    envoy_debug_headers: HeaderSwitch | None = None
    metadata_exchange_headers: MetadataExchangeHeaders | None = None
    preserve_http1_header_case: bool | None = msgspec.field(
        default=None, name="preserveHttp1HeaderCase"
    )
    """Default false: HTTP/1.1 header names are written in lower case."""
    x_forwarded_host: HeaderChoice | None = None
    x_forwarded_port: HeaderChoice | None = None
