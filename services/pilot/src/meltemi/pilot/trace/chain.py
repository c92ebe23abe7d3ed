"""Which filter chain of a listener takes a connection.

Envoy narrows by one property after the other and never goes back: a chain that names
the connection's port shuts out those that name none, even if nothing else of it fits.

Source: envoy/config/listener/v3/listener_components.proto, FilterChainMatch (the
order); source/common/listener_manager/filter_chain_manager_impl.cc findFilterChain.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from envoy.config.listener.v3.listener_components_pb2 import FilterChainMatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envoy.config.core.v3.address_pb2 import CidrRange
    from envoy.config.listener.v3.listener_components_pb2 import FilterChain

ANY = 0
LOOPBACK = ("127.0.0.1", "::1")
"""These two addresses only: the rest of 127.0.0.0/8 is external to Envoy."""
EXACT = 1 << 16
"""More than any wildcard's length."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a listener knows of a connection when it chooses a chain."""

    address: str
    port: int
    server_name: str
    transport: str
    """``tls`` or ``raw_buffer``."""
    protocols: tuple[str, ...]
    """By ALPN or by inspection, the preferred first."""
    source: str
    source_port: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The chains that match equally well, and what told them from the others."""

    chains: tuple[FilterChain, ...]
    why: str


def choose(chains: Sequence[FilterChain], seen: Seen) -> Choice:
    """Return the chains for a connection; more than one is a fault of the listener."""
    left = list(chains)
    reasons: list[str] = []
    for name, rank in PROPERTIES:
        ranked = [(rank(each.filter_chain_match, seen), each) for each in left]
        best = max((each for each, _ in ranked if each is not None), default=None)
        if best is None:
            why = f"no chain is for {name(seen)}" if left else "there are no chains"
            return Choice((), why)
        narrowed = [chain for each, chain in ranked if each == best]
        if len(narrowed) < len(left):
            reasons.append(name(seen) if best else f"any, not {name(seen)}")
        left = narrowed
    return Choice(tuple(left), "; ".join(reasons) or "the only one")


def _port(match: FilterChainMatch, seen: Seen) -> int | None:
    if not match.HasField("destination_port"):
        return ANY
    return EXACT if match.destination_port.value == seen.port else None


def _destination(match: FilterChainMatch, seen: Seen) -> int | None:
    return _longest(match.prefix_ranges, seen.address)


def _server_name(match: FilterChainMatch, seen: Seen) -> int | None:
    return _first(
        _name_rank(each.lower(), seen.server_name.lower())
        for each in match.server_names
    )


def _name_rank(pattern: str, name: str) -> int | None:
    if pattern == name:
        return EXACT
    if pattern.startswith("*.") and name.endswith(pattern[1:]) and name != pattern[1:]:
        return len(pattern)
    return None


def _transport(match: FilterChainMatch, seen: Seen) -> int | None:
    if not match.transport_protocol:
        return ANY
    return EXACT if match.transport_protocol == seen.transport else None


def _protocols(match: FilterChainMatch, seen: Seen) -> int | None:
    offered = {name: EXACT - at for at, name in enumerate(seen.protocols)}
    return _first(offered.get(each) for each in match.application_protocols)


def _direct_source(match: FilterChainMatch, seen: Seen) -> int | None:
    return _longest(match.direct_source_prefix_ranges, seen.source)


def _source_type(match: FilterChainMatch, seen: Seen) -> int | None:
    if match.source_type == FilterChainMatch.ANY:
        return ANY
    here = seen.source in (seen.address, *LOOPBACK)
    wanted = match.source_type == FilterChainMatch.SAME_IP_OR_LOOPBACK
    return EXACT if here == wanted else None


def _source(match: FilterChainMatch, seen: Seen) -> int | None:
    return _longest(match.source_prefix_ranges, seen.source)


def _source_port(match: FilterChainMatch, seen: Seen) -> int | None:
    return _first(
        EXACT if each == seen.source_port else None for each in match.source_ports
    )


def _longest(ranges: Sequence[CidrRange], address: str) -> int | None:
    """Return the length of the longest range that holds ``address``, plus one."""
    return _first(
        each.prefix_len.value + 1 if covers(each, address) else None for each in ranges
    )


def covers(block: CidrRange, address: str) -> bool:
    """Tell whether an address lies in a range; families never meet."""
    network = ip_network((block.address_prefix, block.prefix_len.value), strict=False)
    return ip_address(address) in network


def _first(ranks: Iterable[int | None]) -> int | None:
    """Return the best of the ranks; `ANY` when the chain names nothing at all."""
    named = list(ranks)
    return (
        max((each for each in named if each is not None), default=None)
        if named
        else ANY
    )


PROPERTIES: Sequence[
    tuple[Callable[[Seen], str], Callable[[FilterChainMatch, Seen], int | None]]
] = (
    (lambda seen: f"port {seen.port}", _port),
    (lambda seen: f"address {seen.address}", _destination),
    (lambda seen: f"server name {seen.server_name!r}", _server_name),
    (lambda seen: f"transport {seen.transport}", _transport),
    (lambda seen: f"protocols {', '.join(seen.protocols) or 'unknown'}", _protocols),
    (lambda seen: f"peer {seen.source}", _direct_source),
    (lambda seen: f"a source like {seen.source}", _source_type),
    (lambda seen: f"source {seen.source}", _source),
    (lambda seen: f"source port {seen.source_port}", _source_port),
)
"""How a reader calls each property, and how well a chain fits it; None is not."""
