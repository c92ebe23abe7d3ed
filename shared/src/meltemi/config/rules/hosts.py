"""What may stand where a host, a port, or a label is expected."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.config.finding import Finding

LONGEST: Final = 255
LABEL: Final = re.compile(r"[a-zA-Z0-9_]([-_a-zA-Z0-9]{0,61}[a-zA-Z0-9_])?")
PORT_NAME: Final = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
HIGHEST_PORT: Final = 65_535
PORT_HINT: Final = "a port is 1 to 65535"


def is_fqdn(host: str) -> bool:
    """Tell whether ``host`` is a DNS name without wildcard (RFC 1123, with ``_``)."""
    labels = host.removesuffix(".").split(".")
    return 0 < len(host) <= LONGEST and all(LABEL.fullmatch(each) for each in labels)


def is_wildcard_host(host: str) -> bool:
    """Tell whether ``host`` is a DNS name that may begin with ``*``, or ``*`` alone.

    ``*example.com`` passes, as in Istio: not every place can do something with it.
    """
    return host == "*" or is_fqdn(host.removeprefix("*").removeprefix("."))


def is_address(text: str) -> bool:
    """Tell whether ``text`` is an IPv4 or IPv6 address."""
    if ":" not in text and not text[-1:].isdigit():
        return False  # a name, which is the usual case, costs nothing
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_subnet(text: str) -> bool:
    """Tell whether ``text`` is an address or a CIDR range, host bits allowed."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def check_host(path: str, host: str, *, wildcard: bool = True) -> Iterator[Finding]:
    """Yield a finding unless ``host`` is a DNS name, or a wildcard where allowed."""
    if "*" in host and not wildcard:
        yield problem(path, f"{host!r} may not hold a wildcard here")
    elif not is_wildcard_host(host):
        hint = "write NAME, or *.NAME for every name below it"
        yield problem(path, f"{host!r} is not a host", hint)


def check_port(path: str, port: int | None) -> Iterator[Finding]:
    """Yield a finding unless ``port`` is absent or 1..65535."""
    if port is not None and not 1 <= port <= HIGHEST_PORT:
        yield problem(path, f"must be from 1 to {HIGHEST_PORT}, got {port}", PORT_HINT)


def check_unique(paths: Iterable[tuple[str, object]], what: str) -> Iterator[Finding]:
    """Yield a finding for each value that an earlier one equals; None never does."""
    seen: dict[object, str] = {}
    for path, value in paths:
        if value is None:
            continue
        if value in seen:
            hint = f"it stands at {seen[value]} already"
            yield problem(path, f"{what} {value!r} stands twice", hint)
        seen.setdefault(value, path)


def check_labels(path: str, labels: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each selector label that cannot match as written."""
    for key, value in labels.items():
        here = f'{path}["{key}"]'
        if not key:
            yield problem(here, "a label's key must not be empty")
        elif "*" in key or "*" in value:
            yield problem(here, "a wildcard is not supported in a selector")


def check_export_to(path: str, scopes: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a finding for each entry of an ``exportTo`` that names no namespace."""
    for index, scope in enumerate(scopes):
        if scope not in (".", "*", "~") and not PORT_NAME.fullmatch(scope):
            hint = "write a namespace, '.' for this one, or '*' for all"
            yield problem(f"{path}[{index}]", f"{scope!r} is not a namespace", hint)
    if "*" in scopes and len(scopes) > 1:
        yield problem(path, "'*' already exports everywhere", "remove the others")
