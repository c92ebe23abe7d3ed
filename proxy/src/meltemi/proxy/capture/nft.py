"""Rules in the words of nft: tables of our own, replaced as one transaction. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.proxy.capture.iptables import SIGN, digest
from meltemi.proxy.capture.rules import OUTPUT, PREROUTING, Kind, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.proxy.capture.rules import Action, Match, Plan, Rule, Table

FAMILIES = {4: "ip", 6: "ip6"}
HOOKS = {
    (Kind.RAW, PREROUTING): "filter hook prerouting priority -300",
    (Kind.RAW, OUTPUT): "filter hook output priority -300",
    (Kind.MANGLE, PREROUTING): "filter hook prerouting priority -150",
    (Kind.MANGLE, OUTPUT): "route hook output priority -150",
    (Kind.NAT, PREROUTING): "nat hook prerouting priority -100",
    (Kind.NAT, OUTPUT): "nat hook output priority -100",
}


def table_name(kind: Kind) -> str:
    """Return the name of our table in place of one of iptables'."""
    return f"{SIGN}-{kind}"


def transaction(plans: Sequence[Plan]) -> str:
    """Return what puts ``plans`` in place of whatever of ours is there.

    To be given to ``nft -f``, which does all or nothing. To take everything away give
    no plans: a table is added before it is deleted, so that it need not exist.
    """
    return "\n".join(
        [*_gone(), *(each for plan in plans for each in _tables(plan)), ""]
    )


def missing(plan: Plan, listed: str) -> list[str]:
    """Return in words what of ``plan`` is not there as it should be.

    Args:
        plan: What should be there.
        listed: What ``nft list ruleset`` prints for this family.

    """
    wrong = []
    blocks = dict(_blocks(listed))
    for table in plan.tables:
        found = blocks.get(
            f"table {FAMILIES[plan.version]} {table_name(table.kind)}", []
        )
        signs = [each for each in found if f'comment "{SIGN}:{digest(plan)}"' in each]
        hooks = [each for each in table.rules if each.chain in (PREROUTING, OUTPUT)]
        if not found:
            wrong.append(f"{table.kind}: there is no table {table_name(table.kind)}")
        elif len(signs) != len(hooks):
            wrong.append(f"{table.kind}: the rules of other options")
        elif len(found) != len(table.rules):
            wrong.append(
                f"{table.kind}: {len(found)} rules found, expected {len(table.rules)}"
            )
    return wrong


def hooks(listed: str) -> Iterator[tuple[str, str]]:
    """Yield table and chain of every chain that ``nft list chains`` printed."""
    table = ""
    for line in listed.splitlines():
        words = line.split()
        if words[:1] == ["table"]:
            table = words[2]
        elif words[:1] == ["chain"]:
            yield table, words[1]


def _blocks(listed: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each table's head and the lines of its rules."""
    head, rules = "", list[str]()
    for line in listed.splitlines():
        words = line.strip()
        if line.startswith("table "):
            head, rules = words.removesuffix("{").strip(), []
        elif line == "}":
            yield head, rules
        elif words and not words.startswith(("chain ", "type ", "}")):
            rules.append(words)


def _gone() -> Iterator[str]:
    for name in FAMILIES.values():
        for kind in Kind:
            yield f"add table {name} {table_name(kind)}"
            yield f"delete table {name} {table_name(kind)}"


def _tables(plan: Plan) -> Iterator[str]:
    for table in plan.tables:
        yield f"table {FAMILIES[plan.version]} {table_name(table.kind)} {{"
        for chain in (*table.chains, PREROUTING, OUTPUT):
            rules = [each for each in table.rules if each.chain == chain]
            if rules:
                yield from _chain(table, chain, rules, plan)
        yield "}"


def _chain(
    table: Table, chain: str, rules: Sequence[Rule], plan: Plan
) -> Iterator[str]:
    yield f"  chain {chain} {{"
    hook = HOOKS.get((table.kind, chain))
    if hook:
        yield f"    type {hook};"
    comment = f' comment "{SIGN}:{digest(plan)}"' if hook else ""
    for rule in rules:
        words = [*_match(rule.match, FAMILIES[plan.version]), _action(rule.action)]
        yield f"    {' '.join(words)}{comment}"
    yield "  }"


def _match(match: Match, ip: str) -> Iterator[str]:
    by_address = (
        (match.protocol, f"meta l4proto {match.protocol}"),
        (match.came_by, f'iifname "{match.came_by}"'),
        (match.goes_by, f'oifname "{match.goes_by}"'),
        (match.source, f"{ip} saddr {match.source}"),
        (match.destination, f"{ip} daddr {match.destination}"),
        (match.beyond, f"{ip} daddr != {match.beyond}"),
        (match.from_port, f"{match.protocol} sport {match.from_port}"),
        (match.ports, f"{match.protocol} dport {_set(match.ports)}"),
        (match.other_ports, f"{match.protocol} dport != {_set(match.other_ports)}"),
    )
    yield from (words for given, words in by_address if given)
    if match.owner:
        yield f"{OWNERS[match.owner.kind]} {match.owner.number}"
    yield from (f"{OWNERS[each.kind]} != {each.number}" for each in match.strangers)
    yield from _marks(match)


def _marks(match: Match) -> Iterator[str]:
    if match.mark is not None:
        yield f"meta mark {match.mark}"
    if match.other_mark is not None:
        yield f"meta mark != {match.other_mark}"
    if match.connection_mark is not None:
        yield f"ct mark {match.connection_mark}"
    if match.states:
        yield f"ct state {','.join(each.lower() for each in match.states)}"


OWNERS = {"uid": "meta skuid", "gid": "meta skgid", "mark": "meta mark"}


def _set(ports: tuple[int, ...]) -> str:
    if len(ports) == 1:
        return str(ports[0])
    return f"{{ {', '.join(map(str, ports))} }}"


def _action(action: Action) -> str:
    number = action.number
    return {
        Verb.RETURN: "return",
        Verb.ACCEPT: "accept",
        Verb.DROP: "drop",
        Verb.JUMP: f"jump {action.chain}",
        Verb.REDIRECT: f"redirect to :{number}",
        Verb.TPROXY: f"tproxy to :{number} meta mark set {action.mark} accept",
        Verb.MARK: f"meta mark set {number}",
        Verb.SAVE_MARK: "ct mark set meta mark",
        Verb.RESTORE_MARK: "meta mark set ct mark",
        # What is set first counts: iptables' CT leaves a packet that has a zone.
        Verb.ZONE: f"ct zone set {number} return",
    }[action.verb]
