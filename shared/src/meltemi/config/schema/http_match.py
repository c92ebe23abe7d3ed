"""Which requests an HTTP route takes."""

from collections.abc import Mapping

from meltemi.config.schema.message import Message
from meltemi.config.schema.string_match import StringMatch
from meltemi.config.values import UInt32


class HTTPMatchRequest(Message, frozen=True, kw_only=True):
    """All conditions that are set must hold."""

    name: str | None = None
    """Appears in the route's name, for logs and metrics."""
    uri: StringMatch | None = None
    """The path, with the query string for ``exact`` left out."""
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    """The Host header (HTTP/1) or :authority (HTTP/2)."""
    headers: Mapping[str, StringMatch] = {}
    """By lower-case name; an empty match means the header is present."""
    port: UInt32 | None = None
    """The port the request was sent to."""
    source_labels: Mapping[str, str] = {}
    """Labels of the calling workload; ignored by routes bound to gateways only."""
    gateways: tuple[str, ...] = ()
    """Where it holds; default: the gateways of the VirtualService."""
    query_params: Mapping[str, StringMatch] = {}
    """By name; prefix is not allowed."""
    ignore_uri_case: bool | None = None
    """Compare ``uri`` without case (exact and prefix); default false."""
    without_headers: Mapping[str, StringMatch] = {}
    """Headers that must not match so."""
    source_namespace: str | None = None
    """Namespace of the calling workload."""
    stat_prefix: str | None = None
    """Turns on per-route statistics under this name."""
