"""What must hold for what a route does to a request on its way."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.header import MATCHED
from meltemi.config.rules.hosts import check_port
from meltemi.config.rules.problem import problem, warning
from meltemi.config.rules.regex import check_regex
from meltemi.config.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.http_fault import HTTPFaultInjection, Percent
    from meltemi.config.schema.http_route import (
        CorsPolicy,
        HTTPDirectResponse,
        HTTPRedirect,
        HTTPRetry,
    )

PERCENT: Final = 100
LEAST: Final = 0.0001
"""The finest share Envoy knows: one in a million."""
REDIRECTS: Final = (301, 302, 303, 307, 308)
CODES: Final = range(200, 600)
STATUSES: Final = frozenset(HTTPStatus)
RETRY_ON: Final = (
    *("5xx", "gateway-error", "reset", "reset-before-request", "connect-failure"),
    *("retriable-4xx", "refused-stream", "retriable-status-codes"),
    *("retriable-headers", "envoy-ratelimited", "http3-post-connect-failure"),
    *("cancelled", "deadline-exceeded", "internal", "resource-exhausted"),
    "unavailable",
)
"""Envoy's conditions of x-envoy-retry-on and x-envoy-retry-grpc-on."""
METHODS: Final = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"),
    "*",
)
SECOND: Final = 1_000_000_000
LARGE_BODY: Final = 100 * 1024
LARGEST_BODY: Final = 1024 * 1024
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
    elif 0 < value < LEAST:
        message = f"must be 0 or at least {LEAST}, got {value}"
        yield problem(f"{path}.value", message)


def check_retries(path: str, retries: HTTPRetry | None) -> Iterator[Finding]:
    """Yield what Istio's validateHTTPRetry refuses."""
    if retries is None:
        return
    attempts = retries.attempts or 0
    if attempts < 0:
        yield problem(f"{path}.attempts", f"must not be negative, got {attempts}")
    set_anyway = (retries.per_try_timeout, retries.retry_remote_localities)
    if not attempts and (
        retries.retry_on or any(each is not None for each in set_anyway)
    ):
        message = "0 turns retries off, so the rest has no meaning"
        yield problem(f"{path}.attempts", message, "set attempts")
    yield from check_duration(f"{path}.perTryTimeout", retries.per_try_timeout)
    yield from check_duration(f"{path}.backoff", retries.backoff)
    for word in (retries.retry_on or "").split(",") if retries.retry_on else ():
        if word not in RETRY_ON and not (word.isdecimal() and int(word) in STATUSES):
            hint = did_you_mean(word, RETRY_ON) or "comma-separated, without spaces"
            yield problem(f"{path}.retryOn", f"{word!r} is not a condition", hint)


def check_redirect(path: str, redirect: HTTPRedirect | None) -> Iterator[Finding]:
    """Yield what Istio's validateHTTPRedirect refuses."""
    if redirect is None:
        return
    says = (redirect.uri, redirect.authority, redirect.scheme, redirect.prefix_rewrite)
    if not any(says) and redirect.port is None and redirect.derive_port is None:
        hint = "add uri, authority, scheme or port"
        yield problem(path, "the redirect leads nowhere else", hint)
    if redirect.scheme not in (None, "", "http", "https"):
        message = f"must be http or https, got {redirect.scheme!r}"
        yield problem(f"{path}.scheme", message)
    yield from check_port(f"{path}.port", redirect.port or None)
    code = redirect.redirect_code
    if code and code not in REDIRECTS:
        hint = ", ".join(str(each) for each in REDIRECTS)
        yield problem(
            f"{path}.redirectCode", f"{code} is no redirect", f"one of {hint}"
        )
    if redirect.uri and redirect.prefix_rewrite:
        yield problem(f"{path}.prefixRewrite", "excludes uri", "use one of them")


def check_cors(path: str, policy: CorsPolicy | None) -> Iterator[Finding]:
    """Yield what Istio's validateCORSPolicy refuses."""
    if policy is None:
        return
    yield from _check_origins(path, policy)
    lists = {
        "allowHeaders": policy.allow_headers,
        "exposeHeaders": policy.expose_headers,
    }
    for field, names in lists.items():
        for index, name in enumerate(names):
            if name != "*" and not MATCHED.fullmatch(name):
                message = f"{name!r} is not a header's name"
                yield problem(f"{path}.{field}[{index}]", message)
    yield from check_duration(f"{path}.maxAge", policy.max_age)
    if policy.max_age is not None and policy.max_age.nanoseconds % SECOND:
        message = f"must be whole seconds, got {policy.max_age}"
        yield problem(f"{path}.maxAge", message)


def _check_origins(path: str, policy: CorsPolicy) -> Iterator[Finding]:
    for index, origin in enumerate(policy.allow_origins):
        here = f"{path}.allowOrigins[{index}]"
        if not (origin.exact or origin.prefix or origin.regex):
            yield problem(here, "an origin is required")
        elif origin.regex:
            yield from check_regex(f"{here}.regex", origin.regex)
    for index, method in enumerate(policy.allow_methods):
        if method not in METHODS:
            here = f"{path}.allowMethods[{index}]"
            yield problem(here, f"{method!r} is not a method", "write it in capitals")


def check_response(path: str, response: HTTPDirectResponse | None) -> Iterator[Finding]:
    """Yield what Istio's validateHTTPDirectResponse says."""
    if response is None:
        return
    if response.status not in CODES:
        message = f"must be from 200 to 599, got {response.status}"
        yield problem(f"{path}.status", message)
    body = response.body
    size = len(body.bytes or (body.string or "").encode()) if body else 0
    if size > LARGEST_BODY:
        message = f"has {size:,} bytes, the limit is {LARGEST_BODY:,}"
        yield problem(f"{path}.body", message)
    elif size > LARGE_BODY:
        message = f"has {size:,} bytes, which every proxy holds in memory"
        yield warning(f"{path}.body", message)


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
        yield warning(f"{path}.fixedDelay", "delays nothing: no duration is set")
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
        message = "aborts nothing: neither httpStatus nor grpcStatus is set"
        yield warning(path, message, "set one of them")
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
