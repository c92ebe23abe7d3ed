"""TPROXY: connections come in with the caller's address kept. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.proxy.capture.inbound import INBOUND, captured_inbound
from meltemi.proxy.capture.rules import (
    ACCEPT,
    OUTPUT,
    PREROUTING,
    RETURN,
    Action,
    Match,
    Rule,
    Verb,
    jump,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.proxy.capture.family import Family
    from meltemi.proxy.capture.options import CaptureOptions
    from meltemi.proxy.capture.rules import Owner

DIVERT = "MELTEMI_DIVERT"
TPROXY = "MELTEMI_TPROXY"
KNOWN = ("RELATED", "ESTABLISHED")


def transparent_rules(
    options: CaptureOptions, ours: Family, owners: tuple[Owner, ...]
) -> Iterator[Rule]:
    """Yield the rules of the mangle table.

    A packet of a known connection is marked, and the mark routes it to this machine;
    a new one goes to Envoy's socket. Envoy marks what it opens to the application, the
    connection keeps that mark, and the application's answers are routed back by it.
    """
    mark = options.inbound_mark
    yield Rule(DIVERT, Action(Verb.MARK, mark))
    yield Rule(DIVERT, ACCEPT)
    taken = Action(Verb.TPROXY, options.inbound_port, mark=mark)
    yield Rule(TPROXY, taken, Match("tcp", beyond=ours.loopback))
    for name in options.interfaces_exclude:
        yield Rule(PREROUTING, RETURN, Match(came_by=name))
    yield Rule(PREROUTING, jump(INBOUND), Match("tcp"))
    yield from _inbound(options, ours)
    yield Rule(PREROUTING, Action(Verb.SAVE_MARK), Match("tcp", mark=mark))
    yield from _answers(options, ours, owners)


def _inbound(options: CaptureOptions, ours: Family) -> Iterator[Rule]:
    mark = options.inbound_mark
    yield Rule(INBOUND, RETURN, Match("tcp", mark=mark))
    yield Rule(INBOUND, RETURN, Match("tcp", "lo", source=ours.inbound_source))
    yield Rule(INBOUND, RETURN, Match("tcp", "lo", other_mark=mark + 1))
    yield Rule(INBOUND, RETURN, Match("tcp", ports=(options.tunnel_port,)))
    for match, captured in captured_inbound(options):
        if not captured:
            yield Rule(INBOUND, RETURN, match)
            continue
        yield Rule(INBOUND, jump(DIVERT), replace(match, states=KNOWN))
        yield Rule(INBOUND, jump(TPROXY), match)


def _answers(
    options: CaptureOptions, ours: Family, owners: tuple[Owner, ...]
) -> Iterator[Rule]:
    mark = options.inbound_mark
    yield Rule(OUTPUT, RETURN, Match("tcp", goes_by="lo", mark=mark))
    for owner in owners:
        to_itself = Match("tcp", goes_by="lo", beyond=ours.loopback, owner=owner)
        yield Rule(OUTPUT, Action(Verb.MARK, mark + 1), to_itself)
    kept = Match("tcp", connection_mark=mark)
    yield Rule(OUTPUT, Action(Verb.RESTORE_MARK), kept)
