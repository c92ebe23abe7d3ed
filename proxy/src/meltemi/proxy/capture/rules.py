"""A packet filter's rules as values, whatever program takes them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

PREROUTING, OUTPUT = "PREROUTING", "OUTPUT"
"""Where packets come in, and where this machine's own go out."""


class Kind(StrEnum):
    """The kernel's tables."""

    RAW = "raw"
    MANGLE = "mangle"
    NAT = "nat"


class Owner(NamedTuple):
    """Whose packets: a user's, a group's, or a socket's that carries a mark."""

    kind: str
    """``uid``, ``gid`` or ``mark``."""
    number: int


@dataclass(frozen=True, slots=True)
class Match:
    """What a packet must be; every member that is given must hold.

    Attributes:
        protocol: ``tcp`` or ``udp``.
        came_by: The interface it came in by.
        goes_by: The interface it goes out by.
        source: A network.
        destination: A network.
        beyond: A network that the destination is not in.
        ports: Destination ports, one of them.
        other_ports: Destination ports, none of them.
        from_port: The source port.
        owner: Whose it is.
        strangers: Whose it is not, none of them.
        mark: The mark it carries.
        other_mark: A mark that it does not carry.
        connection_mark: The mark of its connection.
        states: Of its connection, one of them; `conntrack`'s words.

    """

    protocol: str = ""
    came_by: str = ""
    goes_by: str = ""
    source: str = ""
    destination: str = ""
    beyond: str = ""
    ports: tuple[int, ...] = ()
    other_ports: tuple[int, ...] = ()
    from_port: int = 0
    owner: Owner | None = None
    strangers: tuple[Owner, ...] = ()
    mark: int | None = None
    other_mark: int | None = None
    connection_mark: int | None = None
    states: tuple[str, ...] = ()


class Verb(StrEnum):
    """What becomes of a packet that matches."""

    RETURN = "RETURN"
    ACCEPT = "ACCEPT"
    DROP = "DROP"
    JUMP = "JUMP"
    REDIRECT = "REDIRECT"
    """To a port of this machine."""
    TPROXY = "TPROXY"
    """To a port of this machine, its destination left as it is; and marked."""
    MARK = "MARK"
    SAVE_MARK = "SAVE_MARK"
    """The packet's mark becomes its connection's."""
    RESTORE_MARK = "RESTORE_MARK"
    ZONE = "ZONE"
    """Of connection tracking: packets of one zone know nothing of another's."""


class Action(NamedTuple):
    """What to do, and with which number or chain."""

    verb: Verb
    number: int = 0
    """A port, a mark or a zone."""
    chain: str = ""
    mark: int = 0
    """TPROXY's."""


RETURN, ACCEPT, DROP = Action(Verb.RETURN), Action(Verb.ACCEPT), Action(Verb.DROP)


def jump(chain: str) -> Action:
    """Go on with the rules of ``chain``."""
    return Action(Verb.JUMP, chain=chain)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a chain."""

    chain: str
    action: Action
    match: Match = Match()


@dataclass(frozen=True, slots=True)
class Table:
    """The rules of one of the kernel's tables, each chain's in order.

    Attributes:
        kind: Which.
        rules: In the order they are tried; those of the hooks hold nothing but our
            own, and come behind what others put there.

    """

    kind: Kind
    rules: tuple[Rule, ...]

    @property
    def chains(self) -> tuple[str, ...]:
        """The chains that are ours, in order of appearance."""
        named = [
            name for each in self.rules for name in (each.chain, each.action.chain)
        ]
        ours = dict.fromkeys(each for each in named if each)
        return tuple(each for each in ours if each not in (PREROUTING, OUTPUT))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that captures the traffic of one IP version.

    Attributes:
        version: 4 or 6.
        tables: Those that have rules.
        local_mark: Packets of this mark are routed to this machine, or None.
        route_table: By this routing table.
        extra_address: To add to the loopback interface; empty: none.

    """

    version: int
    tables: tuple[Table, ...]
    local_mark: int | None = None
    route_table: int = 0
    extra_address: str = ""
