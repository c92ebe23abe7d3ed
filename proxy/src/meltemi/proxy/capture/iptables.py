"""Rules in the words of iptables-restore, and what of ours iptables-save shows. No I/O.

Every rule of ours in a hook carries a comment, ``meltemi:DIGEST``, and behind it
``:table`` or ``:chain`` where table or hook did not exist before: so nothing else need
be remembered to undo it.
"""

from __future__ import annotations

import hashlib
import itertools
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.proxy.capture.rules import OUTPUT, PREROUTING, Kind, Verb

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from meltemi.proxy.capture.rules import Action, Match, Plan, Table

SIGN = "meltemi"
PREFIX = "MELTEMI_"
TABLE_MADE, CHAIN_MADE = ":table", ":chain"
HOOKS = (PREROUTING, OUTPUT)
COMMENT = "-m comment --comment "


def digest(plan: Plan) -> str:
    """Return what tells the rules of ``plan`` from those of any other."""
    return hashlib.blake2b(repr(plan).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Ours:
    """What of ours stands in one table.

    Attributes:
        hooks: The rules in the hooks, as they were saved.
        chains: Our chains.
        rules: How many rules stand in them.

    """

    hooks: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    rules: int = 0

    @property
    def signs(self) -> tuple[str, ...]:
        """The comments of the hooks' rules."""
        return tuple(map(_sign, self.hooks))

    @property
    def made(self) -> bool:
        """Whether the table did not exist before us."""
        return any(each.endswith(TABLE_MADE) for each in self.signs)

    @property
    def made_hooks(self) -> tuple[str, ...]:
        """The hooks that did not exist before us, in a table that did."""
        made = (each for each in self.hooks if _sign(each).endswith(CHAIN_MADE))
        return tuple(dict.fromkeys(each.split()[1] for each in made))


def ours_in(saved: str) -> dict[str, Ours]:
    """Return what of ours iptables-save printed, by table; every table it has."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            lines = found.setdefault(line[1:].strip(), [])
        lines.append(line)
    return {table: _ours(lines) for table, lines in found.items()}


def _ours(lines: Sequence[str]) -> Ours:
    hooks = tuple(
        each
        for each in lines
        if each.startswith(tuple(f"-A {hook} " for hook in HOOKS)) and _sign(each)
    )
    chains = [each[1:].split()[0] for each in lines if each.startswith(":" + PREFIX)]
    rules = [each for each in lines if each.startswith("-A " + PREFIX)]
    return Ours(hooks, tuple(chains), len(rules))


def _sign(line: str) -> str:
    words = shlex.split(line)
    comments = (word for flag, word in itertools.pairwise(words) if flag == "--comment")
    return next((each for each in comments if each.startswith(f"{SIGN}:")), "")


def transaction(
    plan: Plan | None, saved: str, hooks: Container[tuple[str, str]] = ()
) -> str:
    """Return what turns what is there into ``plan``; None takes all of ours away.

    To be given to ``iptables-restore --noflush``: each table changes at once.

    Args:
        plan: What shall be there.
        saved: What iptables-save prints now.
        hooks: Table and chain of the hooks that exist now.

    """
    there = ours_in(saved)
    wanted = {each.kind.value: each for each in plan.tables} if plan else {}
    text = ""
    for kind in Kind:
        old, new = there.get(kind.value), wanted.get(kind.value)
        lines = list(_removed(old)) if old else []
        if plan and new:
            lines += _added(new, _signs(plan, kind, old, hooks))
        if lines:
            text += "\n".join([f"*{kind.value}", *lines, "COMMIT", ""])
    return text


def _signs(
    plan: Plan, kind: Kind, old: Ours | None, hooks: Container[tuple[str, str]]
) -> dict[str, str]:
    """Return the comment of each hook's rules: whose they are, and what we made."""
    signs = {}
    for hook in HOOKS:
        made = ""
        if old is None or old.made:
            made = TABLE_MADE
        elif hook in old.made_hooks or (kind.value, hook) not in hooks:
            made = CHAIN_MADE
        signs[hook] = f"{SIGN}:{digest(plan)}{made}"
    return signs


def missing(plan: Plan, saved: str) -> list[str]:
    """Return in words what of ``plan`` is not there as it should be."""
    there, wrong = ours_in(saved), []
    for table in plan.tables:
        found = there.get(table.kind.value, Ours())
        inside = [each for each in table.rules if each.chain not in HOOKS]
        hooks = len(table.rules) - len(inside)
        if not found.hooks:
            wrong.append(f"{table.kind}: no rule in the hooks")
        elif {each.split(":")[1] for each in found.signs} != {digest(plan)}:
            wrong.append(f"{table.kind}: the rules of other options")
        elif (len(found.hooks), found.rules) != (hooks, len(inside)):
            wrong.append(
                f"{table.kind}: {len(found.hooks)} + {found.rules} rules found, "
                f"expected {hooks} + {len(inside)}"
            )
    return wrong


def _removed(old: Ours) -> Iterator[str]:
    yield from ("-D" + each.removeprefix("-A") for each in old.hooks)
    yield from (f"-F {each}" for each in old.chains)
    yield from (f"-X {each}" for each in old.chains)


def _added(table: Table, signs: Mapping[str, str]) -> Iterator[str]:
    yield from (f"-N {each}" for each in table.chains)
    for rule in table.rules:
        comment = COMMENT + signs[rule.chain] if rule.chain in signs else ""
        words = [f"-A {rule.chain}", *_match(rule.match), comment, _action(rule.action)]
        yield " ".join(word for word in words if word)


def _match(match: Match) -> Iterator[str]:
    by_address = (
        (match.protocol, f"-p {match.protocol}"),
        (match.came_by, f"-i {match.came_by}"),
        (match.goes_by, f"-o {match.goes_by}"),
        (match.source, f"-s {match.source}"),
        (match.destination, f"-d {match.destination}"),
        (match.beyond, f"! -d {match.beyond}"),
        (match.from_port, f"--sport {match.from_port}"),
    )
    yield from (words for given, words in by_address if given)
    yield from _ports("", match.ports)
    yield from _ports("! ", match.other_ports)
    if match.owner:
        yield _owned("", match.owner.kind, match.owner.number)
    yield from (_owned("! ", each.kind, each.number) for each in match.strangers)
    by_mark = (
        (match.mark, f"-m mark --mark {match.mark}"),
        (match.other_mark, f"-m mark ! --mark {match.other_mark}"),
        (match.connection_mark, f"-m connmark --mark {match.connection_mark}"),
    )
    yield from (words for given, words in by_mark if given is not None)
    if match.states:
        yield f"-m conntrack --ctstate {','.join(match.states)}"


def _ports(negated: str, ports: tuple[int, ...]) -> Iterator[str]:
    if len(ports) == 1:
        yield f"{negated}--dport {ports[0]}"
    elif ports:
        yield f"-m multiport {negated}--dports {','.join(map(str, ports))}"


def _owned(negated: str, kind: str, number: int) -> str:
    if kind == "mark":
        return f"-m mark {negated}--mark {number}"
    return f"-m owner {negated}--{kind}-owner {number}"


def _action(action: Action) -> str:
    number = action.number
    return {
        Verb.RETURN: "-j RETURN",
        Verb.ACCEPT: "-j ACCEPT",
        Verb.DROP: "-j DROP",
        Verb.JUMP: f"-j {action.chain}",
        Verb.REDIRECT: f"-j REDIRECT --to-ports {number}",
        Verb.TPROXY: f"-j TPROXY --on-port {number} --tproxy-mark {action.mark}",
        Verb.MARK: f"-j MARK --set-mark {number}",
        Verb.SAVE_MARK: "-j CONNMARK --save-mark",
        Verb.RESTORE_MARK: "-j CONNMARK --restore-mark",
        Verb.ZONE: f"-j CT --zone {number}",
    }[action.verb]
