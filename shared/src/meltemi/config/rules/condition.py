"""What must hold for a condition of an AuthorizationPolicy, and for its values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import HIGHEST_PORT, is_subnet
from meltemi.config.rules.problem import problem
from meltemi.config.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.authorization_policy import Condition

PORT: Final = re.compile(r"[0-9]{1,5}")
IN_MAP: Final = re.compile(
    r"(request\.headers|request\.auth\.claims|experimental\.envoy\.filters\.[^\[]+)"
    r"\[(.+)\]"
)
"""Attributes that are one of many, by name; ``a][b`` reaches into a claim."""
PLAIN: Final = (
    "source.namespace",
    "source.principal",
    "source.serviceAccount",
    "source.trustDomain",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "connection.sni",
)
ADDRESSES: Final = ("source.ip", "remote.ip", "destination.ip")
PORTS: Final = ("destination.port",)
KNOWN: Final = (*PLAIN, *ADDRESSES, *PORTS, "request.headers[NAME]")


def check_condition(path: str, condition: Condition) -> Iterator[Finding]:
    """Yield what is wrong with the key, or with a value for that key.

    Source:
        pkg/config/security/security.go ValidateAttribute.

    """
    key = condition.key
    if not key:
        yield problem(f"{path}.key", "a key is required")
        return
    if key not in (*PLAIN, *ADDRESSES, *PORTS) and not IN_MAP.fullmatch(key):
        hint = did_you_mean(key, KNOWN) or f"one of {', '.join(KNOWN)}"
        yield problem(f"{path}.key", f"{key!r} is not an attribute", hint)
    if not (condition.values or condition.not_values):
        yield problem(path, f"values or notValues are required for {key!r}")
    for field, values in (
        ("values", condition.values),
        ("notValues", condition.not_values),
    ):
        if key in ADDRESSES:
            yield from check_addresses(f"{path}.{field}", values)
        elif key in PORTS:
            yield from check_ports(f"{path}.{field}", values)


def check_addresses(path: str, values: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a finding for each value that is no address or CIDR range."""
    yield from _check(path, values, is_subnet, "is neither an IP address nor a range")


def check_ports(path: str, values: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a finding for each value that is no port's number."""
    yield from _check(path, values, _is_port, f"is not a port from 0 to {HIGHEST_PORT}")


def check_filled(path: str, values: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a finding for each value that is empty."""
    yield from _check(path, values, bool, "must not be empty")


def _check(
    path: str, values: tuple[str, ...], right: Callable[[str], bool], message: str
) -> Iterator[Finding]:
    for index, value in enumerate(values):
        if not right(value):
            yield problem(f"{path}[{index}]", f"{value!r} {message}")


def _is_port(text: str) -> bool:
    return PORT.fullmatch(text) is not None and int(text) <= HIGHEST_PORT
