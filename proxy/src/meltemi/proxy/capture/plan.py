"""From options to rules: what Istio captures, and what it leaves alone. No I/O.

::

    PREROUTING ─▶ INBOUND ─▶ IN_REDIRECT ─▶ Envoy's inbound port
    OUTPUT ─────▶ OUTPUT_* ┬▶ IN_REDIRECT      the application calls itself by its VIP
                           ├▶ return           the proxy's own, loopback, excluded
                           ├▶ OUTPUT_DNS ─▶ the agent
                           └▶ REDIRECT ─▶ Envoy's outbound port
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.proxy.capture.dns import dns_rules, dns_zones
from meltemi.proxy.capture.family import Family, family
from meltemi.proxy.capture.inbound import INBOUND, captured_inbound
from meltemi.proxy.capture.limits import ALL
from meltemi.proxy.capture.options import (
    CaptureOptions,
    Inbound,
    of_family,
)
from meltemi.proxy.capture.rules import (
    DROP,
    OUTPUT,
    PREROUTING,
    RETURN,
    Action,
    Kind,
    Match,
    Owner,
    Plan,
    Rule,
    Table,
    Verb,
    jump,
)
from meltemi.proxy.capture.transparent import transparent_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_REDIRECT = "MELTEMI_IN_REDIRECT"
OUTBOUND = "MELTEMI_OUTPUT"
REDIRECT = "MELTEMI_REDIRECT"
DROP_INVALID = "MELTEMI_DROP"

DNS_PORT = 53


def plan(options: CaptureOptions, version: int) -> Plan:
    """Return the rules that capture what ``options`` say, for IP ``version``.

    Source:
        istio-iptables' order of rules; where it loops (TPROXY with the caller's
        address), one rule more.

    """
    ours = family(version)
    owners = proxy_owners(options)
    tables = {
        Kind.RAW: tuple(dns_zones(options, owners, version)) if options.dns else (),
        Kind.MANGLE: tuple(_mangle(options, ours, owners)),
        Kind.NAT: tuple(_nat(options, ours, owners)),
    }
    transparent = options.inbound is Inbound.TPROXY and bool(options.inbound_ports)
    return Plan(
        version=version,
        tables=tuple(Table(kind, rules) for kind, rules in tables.items() if rules),
        local_mark=options.inbound_mark if transparent else None,
        route_table=options.route_table if transparent else 0,
        extra_address=ours.extra_address,
    )


def proxy_owners(options: CaptureOptions) -> tuple[Owner, ...]:
    """Return by what the proxy's own packets are known."""
    if options.mark is not None:
        return (Owner("mark", options.mark),)
    users = (Owner("uid", each) for each in options.uids)
    return (*users, *(Owner("gid", each) for each in options.gids))


def _mangle(
    options: CaptureOptions, ours: Family, owners: tuple[Owner, ...]
) -> Iterator[Rule]:
    if options.drop_invalid:
        yield Rule(PREROUTING, jump(DROP_INVALID), Match(states=("INVALID",)))
        yield Rule(DROP_INVALID, DROP)
    if options.inbound is Inbound.TPROXY and options.inbound_ports:
        yield from transparent_rules(options, ours, owners)


def _nat(
    options: CaptureOptions, ours: Family, owners: tuple[Owner, ...]
) -> Iterator[Rule]:
    tcp = Match(protocol="tcp")
    yield Rule(REDIRECT, Action(Verb.REDIRECT, options.outbound_port), tcp)
    yield Rule(IN_REDIRECT, Action(Verb.REDIRECT, options.inbound_port), tcp)
    yield from _prerouting(options, ours)
    yield Rule(OUTPUT, jump(OUTBOUND))
    yield from _left_alone(options, ours)
    yield from _own(options, ours, owners)
    yield from _groups(options)
    if options.dns:
        yield from dns_rules(options, OUTBOUND, ours.version)
    yield from _by_destination(options, ours)


def _prerouting(options: CaptureOptions, ours: Family) -> Iterator[Rule]:
    for name in options.interfaces_exclude:
        yield Rule(PREROUTING, RETURN, Match(came_by=name))
    for name in options.virtual_interfaces:
        for match in _included(options, ours):
            came = Match("tcp", came_by=name, destination=match.destination)
            yield Rule(PREROUTING, jump(REDIRECT), came)
        yield Rule(PREROUTING, RETURN, Match(came_by=name))
    if options.inbound is Inbound.TPROXY or not options.inbound_ports:
        return
    yield Rule(PREROUTING, jump(INBOUND), Match("tcp"))
    yield Rule(INBOUND, RETURN, Match("tcp", ports=(options.tunnel_port,)))
    for match, captured in captured_inbound(options):
        yield Rule(INBOUND, jump(IN_REDIRECT) if captured else RETURN, match)


def _left_alone(options: CaptureOptions, ours: Family) -> Iterator[Rule]:
    for name in options.interfaces_exclude:
        yield Rule(OUTBOUND, RETURN, Match(goes_by=name))
    for port in options.outbound_exclude:
        for protocol in ("tcp", "udp"):
            yield Rule(OUTBOUND, RETURN, Match(protocol, ports=(int(port),)))
    if options.inbound is Inbound.TPROXY:
        # Envoy's connections to the application, which carry the caller's address.
        # Istio's rules lack this one, and send them back to Envoy.
        marked = Match("tcp", mark=options.inbound_mark)
        yield Rule(OUTBOUND, RETURN, marked)
    yield Rule(OUTBOUND, RETURN, Match(goes_by="lo", source=ours.inbound_source))


def _own(
    options: CaptureOptions, ours: Family, owners: tuple[Owner, ...]
) -> Iterator[Rule]:
    """Yield what becomes of the proxy's packets, and of loopback's.

    The first rule: the proxy picked this very workload for a call of its application.
    It comes in as from outside, so that policies and telemetry hold for it too.
    """
    spared = (DNS_PORT, options.tunnel_port) if options.dns else (options.tunnel_port,)
    for owner in owners:
        itself = Match(
            "tcp",
            goes_by="lo",
            beyond=ours.loopback,
            other_ports=spared,
            owner=owner,
        )
        yield Rule(OUTBOUND, jump(IN_REDIRECT), itself)
    others = Match(goes_by="lo", strangers=owners)
    if options.dns:
        for protocol in ("tcp", "udp"):
            no_dns = replace(others, protocol=protocol, other_ports=(DNS_PORT,))
            yield Rule(OUTBOUND, RETURN, no_dns)
    else:
        yield Rule(OUTBOUND, RETURN, others)
    for owner in owners:
        yield Rule(OUTBOUND, RETURN, Match(owner=owner))


def _groups(options: CaptureOptions) -> Iterator[Rule]:
    for each in options.groups_exclude:
        yield Rule(OUTBOUND, RETURN, Match(owner=Owner("gid", int(each))))
    if ALL not in options.groups:
        wanted = tuple(Owner("gid", int(each)) for each in options.groups)
        yield Rule(OUTBOUND, RETURN, Match(strangers=wanted))


def _by_destination(options: CaptureOptions, ours: Family) -> Iterator[Rule]:
    yield Rule(OUTBOUND, RETURN, Match(destination=ours.loopback))
    for each in of_family(options.outbound_ranges_exclude, ours.version):
        yield Rule(OUTBOUND, RETURN, Match(destination=each))
    for port in options.outbound_ports:
        yield Rule(OUTBOUND, jump(REDIRECT), Match("tcp", ports=(int(port),)))
    for match in _included(options, ours):
        yield Rule(OUTBOUND, jump(REDIRECT), match)


def _included(options: CaptureOptions, ours: Family) -> Iterator[Match]:
    if ALL in options.outbound_ranges:
        yield Match()
        return
    for each in of_family(options.outbound_ranges, ours.version):
        yield Match(destination=each)
