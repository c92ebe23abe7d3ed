"""What may stand where a host, a port, or a namespace is expected."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sized

    from meltemi.config.finding import Finding

LONGEST: Final = 255
LABEL: Final = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
"""Istio's DNS-1123 label: RFC 1123's, in either case."""
PORT_NAME: Final = LABEL
WILDCARD: Final = re.compile(rf"\*|(\*|\*-)?{LABEL.pattern}")
"""The first label of a name that may stand for many."""
SNI_CLUSTER: Final = re.compile(r"outbound_\.[0-9]+_\..*")
"""The server name by which gateways route between networks."""
HIGHEST_PORT: Final = 65_535
PORT_HINT: Final = "a port is 1 to 65535"
PROTOCOLS: Final = (
    *("GRPC", "GRPC-WEB", "HTTP", "HTTP2", "HTTPS", "HBONE", "HTTP_PROXY"),
    *("MONGO", "MYSQL", "REDIS", "TCP", "TLS", "UDP"),
)
HTTP: Final = frozenset({"GRPC", "GRPC-WEB", "HTTP", "HTTP2", "HTTP_PROXY"})
"""Protocols in which a request names its host."""
WITH_TLS: Final = frozenset({"HTTPS", "TLS"})
UNIX: Final = "unix://"


def is_fqdn(host: str) -> bool:
    """Tell whether ``host`` is a DNS name without wildcard, not all digits at its end.

    Source:
        pkg/config/validation/agent/validation.go ValidateFQDN.

    """
    labels = host.removesuffix(".").split(".")
    return (
        0 < len(host) <= LONGEST
        and not labels[-1].isdecimal()
        and all(LABEL.fullmatch(each) for each in labels)
    )


def is_wildcard_host(host: str) -> bool:
    """Tell whether ``host`` is a DNS name whose first label may begin with ``*``.

    ``*example.com`` passes, as in Istio: not every place can do something with it.
    """
    first, dot, rest = host.partition(".")
    if len(host) > LONGEST or not WILDCARD.fullmatch(first):
        return False
    return not rest or (is_fqdn(rest) if dot else True)


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


def check_protocol(path: str, protocol: str | None) -> Iterator[Finding]:
    """Yield a finding unless ``protocol`` is absent or one the mesh knows."""
    if protocol and protocol.upper() not in PROTOCOLS:
        hint = f"one of {', '.join(PROTOCOLS)}"
        yield problem(path, f"{protocol!r} is no protocol", hint)


def check_port_name(path: str, name: str) -> Iterator[Finding]:
    """Yield a finding unless ``name`` can be the name of a port."""
    if not PORT_NAME.fullmatch(name):
        hint = "use letters, digits and '-', at most 63"
        yield problem(path, f"{name!r} is not a port's name", hint)


def check_socket(path: str, address: str) -> Iterator[Finding]:
    """Yield a finding unless ``address`` (``unix://…``) names a socket."""
    socket = address.removeprefix(UNIX)
    if not socket.startswith("@") and (
        not socket.startswith("/") or socket.endswith("/")
    ):
        message = f"{address!r} is not the absolute path of a Unix socket"
        yield problem(path, message, "write unix:///path or unix://@name")


def check_count(path: str, items: Sized, most: int) -> Iterator[Finding]:
    """Yield a finding if there are more than ``most`` items, as Istio bounds them."""
    if len(items) > most:
        yield problem(path, f"at most {most}, got {len(items)}", "split the object")


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


def check_export_to(
    path: str, scopes: tuple[str, ...], namespace: str, *, nobody: bool = False
) -> Iterator[Finding]:
    """Yield what is wrong with an ``exportTo`` written in ``namespace``.

    ``nobody`` allows ``~``, which hides a ServiceEntry from everybody.
    """
    allowed = (".", "*", "~") if nobody else (".", "*")
    for index, scope in enumerate(scopes):
        if scope not in allowed and not LABEL.fullmatch(scope):
            hint = "write a namespace, '.' for this one, or '*' for all"
            yield problem(f"{path}[{index}]", f"{scope!r} is not a namespace", hint)
    meant = (
        (f"{path}[{index}]", namespace if scope == "." else scope)
        for index, scope in enumerate(scopes)
    )
    yield from check_unique(meant, "namespace")
    if "*" in scopes and len(scopes) > 1:
        yield problem(path, "'*' already exports everywhere", "remove the others")
    if "~" in scopes and len(scopes) > 1:
        yield problem(path, "'~' exports to nobody", "remove the others")
