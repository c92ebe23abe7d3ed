"""Which addresses a service may be sent to by somebody else's words.

A URL of a configuration object, of a redirect or of a document that was fetched says
where to connect. Without a rule it reaches what only this machine can reach: another
service's admin port, the cloud's metadata (server-side request forgery, threat T19).
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NEVER: Final[tuple[Network, ...]] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("224.0.0.0/3"),
    IPv6Network("::/128"),
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::/32"),
    IPv6Network("ff00::/8"),
)
"""Itself, link-local, metadata of clouds, groups: no list of exceptions opens these.

Source:
    Istio refuses link-local and the two metadata addresses outside of it to the
    fetching of keys, whatever is configured (pilot/pkg/model/jwks_resolver.go).

"""
TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""IPv4 behind NAT64 (RFC 6052)."""
COMPATIBLE: Final = IPv6Network("::/96")
"""IPv4 written as IPv6 (RFC 4291 section 2.5.5.1, deprecated)."""


def refusal(address: str, allowed: tuple[Network, ...]) -> str:
    """Return why nobody may be sent to ``address``, or nothing where one may.

    Args:
        address: Numeric, as the resolver answers; a zone (``%eth0``) is ignored.
        allowed: Networks that are reached though they are not public. They open
            loopback and private addresses, never what is in `NEVER`.

    Raises:
        ValueError: If it is not a numeric address.

    """
    outer = ip_address(address.partition("%")[0])
    mapped = outer.ipv4_mapped if isinstance(outer, IPv6Address) else None
    for each in (mapped or outer, *_inside(outer)):
        if any(each in network for network in NEVER):
            return f"{address} is link-local, metadata or not of one host"
        if not (each.is_global or any(each in network for network in allowed)):
            return f"{address} is not public, and not within what is allowed"
    return ""


def networks(words: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks that ``words`` name, as CIDR or single addresses.

    Raises:
        ValueError: If one of them is neither.

    """
    return tuple(ip_network(word) for word in words)


def _inside(address: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that packets to ``address`` may be tunnelled to."""
    if isinstance(address, IPv4Address):
        return
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in TRANSLATED or (address in COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
