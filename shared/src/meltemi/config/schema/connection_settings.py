"""How proxies treat the connections of their clients."""

from enum import StrEnum

from meltemi.config.schema.message import Message
from meltemi.config.values import Duration, Int32


class ConnectionProfile(StrEnum):
    """A set of defaults."""

    PROFILE_UNSPECIFIED = "PROFILE_UNSPECIFIED"
    EDGE = "EDGE"
    """Envoy's advice for proxies that meet the internet; gateways only."""


class HeadersWithUnderscores(StrEnum):
    """What becomes of headers with an underscore in their name."""

    HEADERS_WITH_UNDERSCORES_UNSPECIFIED = "HEADERS_WITH_UNDERSCORES_UNSPECIFIED"
    HEADERS_WITH_UNDERSCORES_ALLOW = "HEADERS_WITH_UNDERSCORES_ALLOW"
    HEADERS_WITH_UNDERSCORES_REJECT_REQUEST = "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST"
    HEADERS_WITH_UNDERSCORES_DROP_HEADER = "HEADERS_WITH_UNDERSCORES_DROP_HEADER"


class EscapedSlashes(StrEnum):
    """What becomes of paths with ``%2F`` or ``%5C``."""

    PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED = "PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED"
    KEEP_UNCHANGED = "KEEP_UNCHANGED"
    REJECT_REQUEST = "REJECT_REQUEST"
    UNESCAPE_AND_REDIRECT = "UNESCAPE_AND_REDIRECT"
    UNESCAPE_AND_FORWARD = "UNESCAPE_AND_FORWARD"


class ConnectionSettings(Message, frozen=True, kw_only=True):
    """Limits and rules; what is absent is the profile's, or Envoy's default."""

    profile: ConnectionProfile | None = None
    listener_per_connection_buffer_limit_bytes: Int32 | None = None
    cluster_per_connection_buffer_limit_bytes: Int32 | None = None
    global_downstream_connection_limit: Int32 | None = None
    """Connections of all clients together."""
    http_idle_timeout: Duration | None = None
    http_request_timeout: Duration | None = None
    """Longest a whole request may take to arrive."""
    http_stream_idle_timeout: Duration | None = None
    http_request_headers_timeout: Duration | None = None
    http_max_concurrent_streams: Int32 | None = None
    http2_initial_stream_window_size: Int32 | None = None
    """Bytes."""
    http2_initial_connection_window_size: Int32 | None = None
    """Bytes."""
    http_headers_with_underscores_action: HeadersWithUnderscores | None = None
    http_merge_slashes: bool | None = None
    http_path_with_escaped_slashes_action: EscapedSlashes | None = None
