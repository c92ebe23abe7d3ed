from __future__ import annotations

from meltemi.pilot.connections import (
    LEFT_SECONDS,
    REVISIONS_KEPT,
    Connection,
    Connections,
)
from meltemi.pilot.hosts_apart import in_class
from meltemi.pilot.scope.proxy import proxy
from meltemi.testkit.authority import NOON
from meltemi.testkit.fakes.clock import StillClock
from meltemi.xds.session import Session


def stream(name: str) -> Connection:
    return Connection(proxy(f"sidecar~10.0.0.1~{name}.a~a.svc.local", {}), Session())


def test_who_left_is_told_for_a_while_and_not_when_it_is_back() -> None:
    clock = StillClock(NOON)
    connections = Connections("pilot-0", clock)
    here, leaving = stream("here"), stream("leaving")
    connections.joined(here)
    connections.joined(leaving)
    connections.joined(again := stream("here"))
    connections.left(here)
    connections.left(leaving)
    told = {"connected": ["here.a"], "left": ["leaving.a"]}
    assert connections.presence() == told, "one stream of it is still there"
    clock.advance(LEFT_SECONDS + 1)
    assert connections.presence() == {"connected": ["here.a"], "left": []}
    connections.left(again)
    connections.joined(stream("here"))
    assert connections.presence() == {"connected": ["here.a"], "left": []}


def test_a_class_is_told_empty_once_the_last_of_it_moved() -> None:
    every = Connections("pilot-0", StillClock(NOON))
    one, other = stream("a"), stream("b")
    for each in (one, other):
        every.joined(each)
    assert one.proxy.group == other.proxy.group
    assert not every.moved(one, in_class(one.proxy, hosts_apart=True))
    assert every.moved(other, in_class(other.proxy, hosts_apart=True))
    assert not every.left(one)
    assert every.left(other)


def test_of_many_revisions_the_last_are_known() -> None:
    one, clock = stream("a"), StillClock(NOON)
    for revision in range(1, 2 * REVISIONS_KEPT):
        one.session.acked = revision
        one.note_progress(clock)
    assert [*one.acked_at] == [*range(REVISIONS_KEPT, 2 * REVISIONS_KEPT)]
