"""Rules that send the application's DNS to the agent. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.proxy.capture.family import IPV4
from meltemi.proxy.capture.options import of_family
from meltemi.proxy.capture.rules import (
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

    from meltemi.proxy.capture.options import CaptureOptions
    from meltemi.proxy.capture.rules import Owner

DNS = "MELTEMI_OUTPUT_DNS"
DNS_ANSWERS = "MELTEMI_INBOUND_DNS"
PORT = 53
OF_PROXY, OF_APPLICATION = 1, 2
"""Zones: the agent may ask the same resolver from the same port as the application."""

NEAR: Final = "127.0.0.0/8"
"""Where a resolver may be that is reached by a rewritten address, as Docker's is. Its
answers come from this machine, in no zone: so the questions must be in none."""


def dns_rules(options: CaptureOptions, outbound: str, version: int) -> Iterator[Rule]:
    """Yield the rules of NAT, behind those that leave the agent's own alone."""
    asked_of = servers(options, version)
    if asked_of:
        yield Rule(outbound, jump(DNS))
    for server in asked_of:
        for protocol in ("tcp", "udp"):
            asked = Match(protocol, destination=server, ports=(PORT,))
            yield Rule(DNS, Action(Verb.REDIRECT, options.dns_port), asked)


def dns_zones(
    options: CaptureOptions, owners: tuple[Owner, ...], version: int
) -> Iterator[Rule]:
    """Yield rules that keep connection tracking of agent and application apart.

    Source:
        Istio sets two zones, or the answer to one is taken for the other's.

    """
    asked_of = servers(options, version)
    if not asked_of or options.outside:  # nobody but the application asks
        return
    of_proxy, of_application = (
        Action(Verb.ZONE, each) for each in (OF_PROXY, OF_APPLICATION)
    )
    yield Rule(OUTPUT, jump(DNS), Match("udp"))
    for owner in owners:
        if version == IPV4.version:
            near = Match("udp", destination=NEAR, ports=(PORT,), owner=owner)
            yield Rule(DNS, RETURN, near)
        yield Rule(DNS, of_proxy, Match("udp", ports=(PORT,), owner=owner))
        # The agent's answers: a mark is on its questions alone, not on these.
        answers = None if owner.kind == "mark" else owner
        answered = Match("udp", from_port=options.dns_port, owner=answers)
        yield Rule(DNS, of_application, answered)
    for server in asked_of:
        asked = Match("udp", destination=server, ports=(PORT,))
        yield Rule(DNS, of_application, asked)
    yield Rule(PREROUTING, jump(DNS_ANSWERS), Match("udp"))
    for server in asked_of:
        answer = Match("udp", source=server, from_port=PORT)
        yield Rule(DNS_ANSWERS, of_proxy, answer)


def servers(options: CaptureOptions, version: int) -> tuple[str, ...]:
    """Return the resolvers whose traffic is meant; one empty word: everybody's."""
    if not options.dns_servers:
        return ("",)
    return of_family(options.dns_servers, version)
