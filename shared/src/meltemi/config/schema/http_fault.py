"""Faults injected into requests, for tests of resilience."""

from typing import ClassVar

from meltemi.config.schema.message import Message, OneOf
from meltemi.config.values import Duration, Int32


class Percent(Message, frozen=True, kw_only=True):
    """A share in percent, 0.0..100.0, to a millionth."""

    value: float | None = None
    """Default 0."""


class Delay(OneOf, frozen=True, kw_only=True):
    """Holds requests back."""

    ONE_OF: ClassVar = (("fixed_delay", "exponential_delay"),)

    percent: Int32 | None = None
    """Deprecated: whole percents, 0..100."""
    fixed_delay: Duration | None = None
    """How long; at least 1 ms."""
    exponential_delay: Duration | None = None
    """Not supported by Istio or by this mesh: refused where it is used."""
    percentage: Percent | None = None
    """How many requests; default all."""


class Abort(OneOf, frozen=True, kw_only=True):
    """Answers requests without forwarding them. One of the three codes is set."""

    ONE_OF: ClassVar = (("http_status", "grpc_status", "http2_error"),)

    http_status: Int32 | None = None
    """200..599."""
    grpc_status: str | None = None
    """A name such as UNAVAILABLE, or its number."""
    http2_error: str | None = None
    """Not supported by Istio or by this mesh: refused where it is used."""
    percentage: Percent | None = None
    """How many requests; default all."""


class HTTPFaultInjection(Message, frozen=True, kw_only=True):
    """A delay, an abort, or both: the delay comes first."""

    delay: Delay | None = None
    abort: Abort | None = None
