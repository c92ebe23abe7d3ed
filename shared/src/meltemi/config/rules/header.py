"""What may stand where a header's name or value is expected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.config.schema.http_route import HeaderOperations, Headers

TOKEN: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
"""A header's name (RFC 9110 section 5.1)."""
MATCHED: Final = re.compile(r"[-_A-Za-z0-9]+")
"""Names Istio lets a route look at."""
CLAIM: Final = re.compile(
    r"@request\.auth\.claims(\.[^.\[\]]+|(\[[^\[\]]+\])+).*", re.IGNORECASE
)
"""A claim of the verified token, which gateways match like a header."""
VALUE: Final = re.compile(
    r"(?:[^\x00-\x08\x0a-\x1f\x7f%]|%%|%[A-Za-z0-9_]+(?:\([^)]*\))?(?::[0-9]+)?%)*"
)
"""Text with Envoy's ``%COMMAND(ARGUMENTS):LENGTH%``; ``%%`` is a per cent sign."""
AUTHORITY: Final = (":authority", "host")
VALUE_HINT: Final = "write %% for a per cent sign, %COMMAND% for Envoy's variables"


def check_headers(path: str, headers: Headers | None) -> Iterator[Finding]:
    """Yield what is wrong with changes of headers, each way."""
    if headers is None:
        return
    for way, changes in (("request", headers.request), ("response", headers.response)):
        if changes is not None:
            yield from _check_changes(
                f"{path}.{way}", changes, request=way == "request"
            )


def check_match_name(path: str, name: str) -> Iterator[Finding]:
    """Yield a finding unless a route can look at a header called ``name``."""
    if not name:
        yield problem(path, "a header's name must not be empty")
    elif not (MATCHED.fullmatch(name) or is_claim(name)):
        yield problem(path, f"{name!r} is not a header's name")


def is_claim(name: str) -> bool:
    """Tell whether ``name`` means a claim of a token, not a header."""
    return CLAIM.fullmatch(name) is not None


def _check_changes(
    path: str, changes: HeaderOperations, *, request: bool
) -> Iterator[Finding]:
    for verb, values in (("set", changes.set), ("add", changes.add)):
        for name in values:
            yield from _check_name(f"{path}.{verb}", name, authority=request)
        yield from _check_values(f"{path}.{verb}", values)
    for name in changes.remove:
        yield from _check_name(f"{path}.remove", name, authority=False)


def _check_name(path: str, name: str, *, authority: bool) -> Iterator[Finding]:
    if name.lower() in AUTHORITY:
        if not authority:
            yield problem(path, f"{name!r} cannot be changed here")
    elif name.startswith(":"):
        yield problem(path, f"{name!r} belongs to the protocol, not to headers")
    elif not TOKEN.fullmatch(name):
        yield problem(path, f"{name!r} is not a header's name")


def _check_values(path: str, values: Mapping[str, str]) -> Iterator[Finding]:
    for name, value in values.items():
        if not VALUE.fullmatch(value):
            here = f'{path}["{name}"]'
            yield problem(here, f"{value!r} is not a header's value", VALUE_HINT)
