"""What a packet filter's rules do with a packet, as the kernel would have it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from meltemi.proxy.capture.rules import OUTPUT, Kind, Owner, Plan, Rule, Verb

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection, or one of a known one."""

    hook: str
    protocol: str
    source: str
    destination: str
    port: int
    from_port: int = 40_000
    came_by: str = ""
    goes_by: str = ""
    uid: int = 1000
    gid: int = 1000
    mark: int = 0
    connection_mark: int = 0
    state: str = "NEW"


@dataclass
class Fate:
    """Where a packet ends: sent to a port of this machine, dropped, or as it was."""

    packet: Packet
    redirected: int = 0
    dropped: bool = False
    zone: int = field(default=0)


def fate(plan: Plan, packet: Packet) -> Fate:
    """Return what ``plan`` does with ``packet``, table by table."""
    found = Fate(packet)
    tables = {each.kind: each.rules for each in plan.tables}
    for kind in Kind:
        if kind is Kind.NAT and packet.state != "NEW":
            continue  # NAT sees the first packet only
        if _walk(tables.get(kind, ()), packet.hook, found) or found.dropped:
            break
    return found


def _walk(rules: Sequence[Rule], chain: str, found: Fate) -> bool:
    """Go through ``chain``; tell whether the packet's fate in this table is sealed."""
    for rule in rules:
        if rule.chain != chain or not _matches(rule, found.packet):
            continue
        action = rule.action
        if action.verb is Verb.RETURN:
            return False
        if action.verb is Verb.JUMP:
            if _walk(rules, action.chain, found):
                return True
        elif _act(rule, found):
            return True
    return False


def _act(rule: Rule, found: Fate) -> bool:
    verb, number, packet = rule.action.verb, rule.action.number, found.packet
    match verb:
        case Verb.REDIRECT | Verb.TPROXY:
            found.redirected = number
        case Verb.DROP:
            found.dropped = True
        case Verb.MARK:
            found.packet = replace(packet, mark=number)
        case Verb.SAVE_MARK:
            found.packet = replace(packet, connection_mark=packet.mark)
        case Verb.RESTORE_MARK:
            found.packet = replace(packet, mark=packet.connection_mark)
        case Verb.ZONE:
            found.zone = found.zone or number
        case _:
            pass
    return verb in (Verb.REDIRECT, Verb.TPROXY, Verb.DROP, Verb.ACCEPT)


def _matches(rule: Rule, packet: Packet) -> bool:
    asked = rule.match
    wants = (
        (asked.protocol, packet.protocol == asked.protocol),
        (asked.came_by, packet.came_by == asked.came_by),
        (asked.goes_by, packet.goes_by == asked.goes_by),
        (asked.source, _inside(packet.source, asked.source)),
        (asked.destination, _inside(packet.destination, asked.destination)),
        (asked.beyond, not _inside(packet.destination, asked.beyond)),
        (asked.ports, packet.port in asked.ports),
        (asked.other_ports, packet.port not in asked.other_ports),
        (asked.from_port, packet.from_port == asked.from_port),
        (asked.owner, asked.owner and _owns(asked.owner, packet)),
        (asked.strangers, not any(_owns(each, packet) for each in asked.strangers)),
        (asked.states, packet.state in asked.states),
    )
    marks = (
        (asked.mark, packet.mark == asked.mark),
        (asked.other_mark, packet.mark != asked.other_mark),
        (asked.connection_mark, packet.connection_mark == asked.connection_mark),
    )
    return all(holds for given, holds in wants if given) and all(
        holds for given, holds in marks if given is not None
    )


def _inside(address: str, network: str) -> bool:
    return not network or ip_address(address) in ip_network(network)


def _owns(owner: Owner, packet: Packet) -> bool:
    if owner.kind == "mark":
        return packet.mark == owner.number
    if packet.hook != OUTPUT:
        return False  # only what is sent here has a sender here
    return (packet.uid if owner.kind == "uid" else packet.gid) == owner.number
