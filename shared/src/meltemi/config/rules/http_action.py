"""What must hold for what a route does to a request on its way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.hosts import check_port
from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.http_fault import HTTPFaultInjection, Percent
    from meltemi.config.schema.http_route import Headers, HTTPRedirect, HTTPRetry

PERCENT: Final = 100
REDIRECTS: Final = (301, 302, 303, 307, 308)
HEADER: Final = re.compile(r":?[-!#$%&'*+.^_`|~0-9A-Za-z]+")
CODES: Final = range(200, 600)
GRPC_CODES: Final = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED"),
    *("NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"),
    *("FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL"),
    *("UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)


def check_percent(path: str, percent: Percent | None) -> Iterator[Finding]:
    """Yield a finding unless ``percent`` is absent or 0..100."""
    value = (percent and percent.value) or 0.0
    if not 0 <= value <= PERCENT:
        yield problem(f"{path}.value", f"must be from 0 to {PERCENT}, got {value}")


def check_headers(path: str, headers: Headers | None) -> Iterator[Finding]:
    """Yield a finding for each header that no request can carry (RFC 9110 §5.1)."""
    if headers is None:
        return
    for way, changes in (("request", headers.request), ("response", headers.response)):
        if changes is None:
            continue
        named = [
            *(("set", name) for name in changes.set),
            *(("add", name) for name in changes.add),
            *(("remove", name) for name in changes.remove),
        ]
        for verb, name in named:
            if not HEADER.fullmatch(name):
                message = f"{name!r} is not a header's name"
                yield problem(f"{path}.{way}.{verb}", message)


def check_retries(path: str, retries: HTTPRetry | None) -> Iterator[Finding]:
    """Yield what Istio's validateHTTPRetry refuses."""
    if retries is None:
        return
    attempts = retries.attempts or 0
    if attempts < 0:
        yield problem(f"{path}.attempts", f"must not be negative, got {attempts}")
    timeout = retries.per_try_timeout
    yield from check_duration(f"{path}.perTryTimeout", timeout, zero=True)
    yield from check_duration(f"{path}.backoff", retries.backoff)


def check_redirect(path: str, redirect: HTTPRedirect | None) -> Iterator[Finding]:
    """Yield what Istio's validateHTTPRedirect refuses."""
    if redirect is None:
        return
    yield from check_port(f"{path}.port", redirect.port)
    code = redirect.redirect_code
    if code and code not in REDIRECTS:
        hint = ", ".join(str(each) for each in REDIRECTS)
        yield problem(
            f"{path}.redirectCode", f"{code} is no redirect", f"one of {hint}"
        )
    if redirect.uri and redirect.prefix_rewrite:
        yield problem(f"{path}.prefixRewrite", "excludes uri", "use one of them")


def check_fault(path: str, fault: HTTPFaultInjection | None) -> Iterator[Finding]:
    """Yield what Istio's validateHTTPFaultInjection refuses."""
    if fault is None:
        return
    if fault.delay is None and fault.abort is None:
        yield problem(path, "a delay or an abort is required")
    if fault.delay is not None:
        yield from _check_delay(f"{path}.delay", fault)
    if fault.abort is not None:
        yield from _check_abort(f"{path}.abort", fault)


def _check_delay(path: str, fault: HTTPFaultInjection) -> Iterator[Finding]:
    delay = fault.delay
    if delay is None:
        return
    if delay.exponential_delay is not None:
        message = "is not supported, here as in Istio"
        yield problem(f"{path}.exponentialDelay", message, "use fixedDelay")
    elif delay.fixed_delay is None:
        yield problem(f"{path}.fixedDelay", "a duration is required")
    yield from check_duration(f"{path}.fixedDelay", delay.fixed_delay)
    yield from check_percent(f"{path}.percentage", delay.percentage)
    if not 0 <= (delay.percent or 0) <= PERCENT:
        message = f"must be from 0 to {PERCENT}, got {delay.percent}"
        yield problem(f"{path}.percent", message)


def _check_abort(path: str, fault: HTTPFaultInjection) -> Iterator[Finding]:
    abort = fault.abort
    if abort is None:
        return
    if abort.http2_error is not None:
        message = "is not supported, here as in Istio"
        yield problem(f"{path}.http2Error", message, "use httpStatus")
    elif abort.http_status is None and abort.grpc_status is None:
        yield problem(path, "one of httpStatus and grpcStatus is required")
    if abort.http_status is not None and abort.http_status not in CODES:
        message = f"must be from 200 to 599, got {abort.http_status}"
        yield problem(f"{path}.httpStatus", message)
    status = abort.grpc_status
    if status is not None and not _is_grpc_code(status):
        hint = f"one of {', '.join(GRPC_CODES)}"
        yield problem(f"{path}.grpcStatus", f"{status!r} is no gRPC status", hint)
    yield from check_percent(f"{path}.percentage", abort.percentage)


def _is_grpc_code(status: str) -> bool:
    number = int(status) if status in {str(code) for code in range(17)} else None
    return number is not None or status.upper() in GRPC_CODES
