"""Failures that a VirtualService asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.translate.route.forward import MILLIONTHS, millionths

if TYPE_CHECKING:
    from meltemi.config.schema.http_fault import Abort, Delay, HTTPFaultInjection

GRPC_STATUSES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""Names of gRPC's status codes, by number."""


def fault(injection: HTTPFaultInjection) -> ir.Fault:
    """Return the failures; a percentage that is not given means every request."""
    return ir.Fault(
        delay=_delay(injection.delay) if injection.delay else None,
        abort=_abort(injection.abort) if injection.abort else None,
    )


def _delay(delay: Delay) -> ir.Delay | None:
    if delay.fixed_delay is None:
        return None
    parts = millionths(delay.percentage, default=100.0)
    if delay.percentage is None and delay.percent:
        parts = delay.percent * MILLIONTHS
    return ir.Delay(delay.fixed_delay.nanoseconds, parts)


def _abort(abort: Abort) -> ir.Abort | None:
    parts = millionths(abort.percentage, default=100.0)
    if abort.grpc_status:
        return ir.Abort(parts, grpc_status=_grpc_status(abort.grpc_status))
    if abort.http_status:
        return ir.Abort(parts, http_status=abort.http_status)
    return None


def _grpc_status(text: str) -> int:
    """Return the status that ``text`` means: a number, or a name in any case.

    Raises:
        ValueError: If it means none; validation accepts no such text.

    """
    return int(text) if text.isdecimal() else GRPC_STATUSES.index(text.upper())
