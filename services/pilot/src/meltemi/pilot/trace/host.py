"""Which virtual host a request is for.

Source: source/common/router/config_impl.cc RouteMatcher::findVirtualHost: the exact
name, then the longest ``*suffix``, then the longest ``prefix*``, then ``*``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import VirtualHost
    from envoy.config.route.v3.route_pb2 import RouteConfiguration

PORT = re.compile(r"(?<=.):\d+$")
EXACT, SUFFIX, PREFIX, ANY = 3, 2, 1, 0


def without_port(host: str) -> str:
    """Return a host without its port; the colons of ``[::1]`` are not one."""
    bare = host.count(":") > 1 and not host.startswith("[")
    return host if bare else PORT.sub("", host)


def virtual_host(
    table: RouteConfiguration, host: str
) -> tuple[VirtualHost | None, str]:
    """Return the virtual host for a ``Host`` header, and the domain that fits."""
    asked = without_port(host) if table.ignore_port_in_host_matching else host
    asked = asked.lower()
    best: tuple[tuple[int, int], VirtualHost, str] | None = None
    for each in table.virtual_hosts:
        for domain in each.domains:
            rank = _rank(domain.lower(), asked)
            if rank is not None and (best is None or rank > best[0]):
                best = (rank, each, domain)
    if best is None:
        return None, f"no domain fits {asked!r}"
    return best[1], f"{asked!r} fits {best[2]!r}"


def _rank(domain: str, host: str) -> tuple[int, int] | None:
    if domain == host:
        return EXACT, 0
    if domain == "*":
        return ANY, 0
    longer = len(host) >= len(domain)  # the star stands for something
    if domain.startswith("*") and longer and host.endswith(domain[1:]):
        return SUFFIX, len(domain)
    if domain.endswith("*") and longer and host.startswith(domain[:-1]):
        return PREFIX, len(domain)
    return None
