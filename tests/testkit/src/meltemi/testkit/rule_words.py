"""Rules read back from the words of nft and iptables, by the pages of these programs.

What a rule asks of a packet is a set of facts, ``(what, whether, value)``; what it does
is an action as nft and iptables both could say it. So rules can be compared whatever
program's words they are in.

Source: nft(8), iptables(8), iptables-extensions(8).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.proxy.capture.rules import Action, Match, Rule

Fact = tuple[str, bool, str]
HOOKS = {
    "raw": {"PREROUTING": "filter -300", "OUTPUT": "filter -300"},
    "mangle": {"PREROUTING": "filter -150", "OUTPUT": "route -150"},
    "nat": {"PREROUTING": "nat -100", "OUTPUT": "nat -100"},
}
"""Type and priority of the chains that iptables' tables are in nft; of the mangle table
what goes out is routed anew, for its mark decides."""


class Said(NamedTuple):
    """One rule: what it asks, and what it does."""

    chain: str
    facts: frozenset[Fact]
    action: str


def meant(rule: Rule) -> Said:
    """Return what the words of ``rule`` have to say."""
    return Said(rule.chain, frozenset(_facts(rule.match)), _deed(rule.action))


def _facts(match: Match) -> Iterator[Fact]:
    texts = {
        "protocol": (match.protocol, True),
        "in": (match.came_by, True),
        "out": (match.goes_by, True),
        "source": (match.source, True),
        "destination": (match.destination, True),
        "beyond": (match.beyond, False),
    }
    for what, (value, whether) in texts.items():
        if value:
            yield ("destination" if what == "beyond" else what), whether, value
    if match.from_port:
        yield "source port", True, str(match.from_port)
    for ports, whether in ((match.ports, True), (match.other_ports, False)):
        if ports:
            yield "port", whether, " ".join(map(str, sorted(ports)))
    owners = [(match.owner, True)] if match.owner else []
    for owner, whether in (*owners, *((each, False) for each in match.strangers)):
        yield owner.kind, whether, str(owner.number)
    marks = (
        (match.mark, "mark", True),
        (match.other_mark, "mark", False),
        (match.connection_mark, "connection mark", True),
    )
    for mark, what, whether in marks:
        if mark is not None:
            yield what, whether, str(mark)
    if match.states:
        yield "state", True, " ".join(sorted(each.lower() for each in match.states))


def _deed(action: Action) -> str:
    words = [action.verb.lower(), str(action.number or ""), action.chain]
    return " ".join(each for each in (*words, str(action.mark or "")) if each)


NFT = {
    "meta l4proto": "protocol",
    "meta skuid": "uid",
    "meta skgid": "gid",
    "meta mark": "mark",
    "ct mark": "connection mark",
    "ct state": "state",
    "ip saddr": "source",
    "ip6 saddr": "source",
    "ip daddr": "destination",
    "ip6 daddr": "destination",
    "tcp sport": "source port",
    "udp sport": "source port",
    "tcp dport": "port",
    "udp dport": "port",
}
NFT_DEEDS = (
    ("redirect to :", "redirect "),
    ("ct mark set meta mark", "save_mark"),
    ("meta mark set ct mark", "restore_mark"),
    ("meta mark set ", "mark "),
)


def of_nft(text: str) -> dict[str, list[Said]]:
    """Return the rules of an ``nft -f`` file by ``FAMILY TABLE``, and check its hooks."""
    found: dict[str, list[Said]] = {}
    table = chain = ""
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        if line.startswith("table "):
            table = f"{words[1]} {words[2].removeprefix('meltemi-')}"
            found[table] = []
        elif line.startswith("chain "):
            chain = words[1]
        elif line.startswith("type "):
            kind, hook, priority = words[1], words[3], words[5].rstrip(";")
            assert HOOKS[table.split()[1]][chain] == f"{kind} {priority}"
            assert hook == chain.lower()
        elif table and line not in ("}", "") and not line.startswith(("add", "delete")):
            found[table].append(_nft_rule(chain, line.partition(" comment ")[0]))
    return found


def _nft_rule(chain: str, line: str) -> Said:
    facts: list[Fact] = []
    words = line.split()
    while words:
        if words[0] in ("iifname", "oifname"):
            what = "in" if words[0] == "iifname" else "out"
            facts.append((what, True, words[1].strip('"')))
            words = words[2:]
            continue
        pair = " ".join(words[:2])
        if pair not in NFT or words[2] == "set":
            break
        at = 3 if words[2] == "!=" else 2
        end = words.index("}") + 1 if words[at] == "{" else at + 1
        value = " ".join(words[at:end]).strip("{ }").replace(",", " ")
        facts.append((NFT[pair], at == 2, " ".join(sorted(value.split(), key=_size))))
        words = words[end:]
    return Said(chain, frozenset(facts), _nft_deed(" ".join(words)))


def _size(word: str) -> tuple[int, str]:
    return (int(word), "") if word.isdecimal() else (0, word)


def _nft_deed(words: str) -> str:
    if words.startswith("tproxy to :"):
        port, _, rest = words.removeprefix("tproxy to :").partition(" ")
        mark = rest.removeprefix("meta mark set ").removesuffix(" accept")
        assert rest == f"meta mark set {mark} accept"
        return f"tproxy {port} {mark}"
    if words.startswith("ct zone set "):
        assert words.endswith(" return"), "what is set first counts"
        return words.replace("ct zone set", "zone").removesuffix(" return")
    for start, deed in NFT_DEEDS:
        if words.startswith(start):
            return deed + words.removeprefix(start)
    return words


IPTABLES = {
    "-p": "protocol",
    "-i": "in",
    "-o": "out",
    "-s": "source",
    "-d": "destination",
    "--sport": "source port",
    "--dport": "port",
    "--dports": "port",
    "--uid-owner": "uid",
    "--gid-owner": "gid",
    "--ctstate": "state",
}
IPTABLES_DEEDS = {
    "REDIRECT --to-ports": "redirect",
    "MARK --set-mark": "mark",
    "CONNMARK --save-mark": "save_mark",
    "CONNMARK --restore-mark": "restore_mark",
    "CT --zone": "zone",
}


def of_iptables(text: str) -> dict[str, list[Said]]:
    """Return the rules of an iptables-restore file by table."""
    found: dict[str, list[Said]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
            found[table] = []
        elif line.startswith("-A "):
            found[table].append(_iptables_rule(shlex.split(line)[1:]))
    return found


def _iptables_rule(words: list[str]) -> Said:
    chain, *words = words
    facts: list[Fact] = []
    module, whether = "", True
    while words[0] != "-j":
        word = words.pop(0)
        if word == "!":
            whether = False
            continue
        value = words.pop(0)
        if word == "-m":
            module = value
        elif word == "--mark":
            what = "connection mark" if module == "connmark" else "mark"
            facts.append((what, whether, value))
        elif word != "--comment":
            value = value.replace(",", " ").lower() if word[1] == "-" else value
            facts.append(
                (IPTABLES[word], whether, " ".join(sorted(value.split(), key=_size)))
            )
        whether = True
    return Said(chain, frozenset(facts), _iptables_deed(words[1:]))


def _iptables_deed(words: list[str]) -> str:
    target, *rest = words
    if target == "TPROXY":
        assert rest[::2] == ["--on-port", "--tproxy-mark"]
        return f"tproxy {rest[1]} {rest[3]}"
    if not rest:
        is_verb = target in ("RETURN", "ACCEPT", "DROP")
        return target.lower() if is_verb else f"jump {target}"
    deed = IPTABLES_DEEDS[f"{target} {rest[0]}"]
    return " ".join([deed, *rest[1:]])
