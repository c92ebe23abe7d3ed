"""What an object travels in: ``istio.mcp.v1alpha1.Resource``.

Source: istio.io/api, mcp/v1alpha1/resource.proto. Its time and its body are protobuf's
own Timestamp and Any, whose fields are read here as those of any message.
"""

from collections.abc import Mapping

from meltemi.config.schema.message import Message
from meltemi.config.values import Int32, Int64


class Moment(Message, frozen=True, kw_only=True):
    """A time, as seconds since 1970 in UTC and nanoseconds."""

    seconds: Int64 = 0
    nanos: Int32 = 0


class Body(Message, frozen=True, kw_only=True):
    """A specification, and the name of its type."""

    type_url: str = ""
    value: bytes = b""


class Described(Message, frozen=True, kw_only=True):
    """Whose specification it is."""

    name: str = ""
    """``NAMESPACE/NAME``."""
    create_time: Moment | None = None
    version: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class Envelope(Message, frozen=True, kw_only=True):
    """One object."""

    metadata: Described
    body: Body
