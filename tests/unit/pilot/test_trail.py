from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.events.change import Change, Operation
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.connections import Connection
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.trail import LONGEST_REASON, REVISIONS_KEPT, Trail
from meltemi.runtime.tracing import Told, Tracing
from meltemi.xds.session import Progress, Session
from meltemi.xds.types import TypeUrl
from meltemi.xds.watch import Refusal, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH = Epoch("cafe")
NODE = "sidecar~127.0.0.1~web.default~default.svc.cluster.local"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    told: list[Told] = []
    monkeypatch.setattr(Tracing, "tell", lambda _, each: told.append(each))
    return told


@pytest.fixture
def trail() -> Iterator[Trail]:
    tracing = Tracing("http://127.0.0.1:1", "pilot", "pilot-0", SystemClock())
    yield Trail(tracing)
    tracing.close()


def stream(revision: int) -> Connection:
    return Connection(proxy(NODE, {}), Session(revision=revision, acked=revision))


def acked(connection: Connection, revision: int) -> None:
    connection.session.acked = revision


def rung(trail: Trail, *revisions: int) -> None:
    for each in revisions:
        before = Revision(each - 1)
        change = Change(EPOCH, before, Revision(each), Operation.UPDATED, "/k", b"{}")
        trail.rung((change,), trail.now())


def sent(trail: Trail) -> Connection:
    """Return a stream that was at 1, and was sent 2 since."""
    web = stream(1)
    trail.progressed(web, sent=False)
    rung(trail, 2)
    web.session.revision = 2
    trail.progressed(web, sent=True)
    return web


def spans(heard: list[Told], name: str) -> list[str]:
    return [
        str(each.attributes["mesh.revision"]) for each in heard if each.name == name
    ]


def test_one_push_of_several_changes_is_told_in_the_trace_of_each(
    trail: Trail, heard: list[Told]
) -> None:
    web = stream(1)
    trail.progressed(web, sent=False)
    rung(trail, 2, 3, 4)
    web.session.revision = 4
    trail.progressed(web, sent=True)
    assert spans(heard, "pilot.push") == ["2", "3", "4"]
    assert spans(heard, "ack") == []
    acked(web, 4)
    trail.progressed(web, sent=False)
    assert spans(heard, "ack") == ["2", "3", "4"]
    for revision in ("2", "3", "4"):
        one = [e for e in heard if e.attributes["mesh.revision"] == revision]
        assert [e.name for e in one] == ["pilot.batch", "pilot.push", "ack"]
        assert len({e.own.trace_id for e in one}) == 1
        assert [e.parent for e in one[1:]] == [e.own for e in one[:-1]]


def test_of_so_many_changes_and_no_more_a_push_is_told(
    trail: Trail, heard: list[Told]
) -> None:
    web, last = stream(1), REVISIONS_KEPT + 11
    trail.progressed(web, sent=False)
    rung(trail, *range(2, last + 1))
    web.session.revision = last
    trail.progressed(web, sent=True)
    kept = range(last - REVISIONS_KEPT + 1, last + 1)
    assert spans(heard, "pilot.push") == [str(each) for each in kept]


def refuse(connection: Connection, revision: int, why: str) -> None:
    session = connection.session
    session.watches[TypeUrl.CLUSTER] = Watch(refused={"bad": Refusal("v", why)})
    session.progress[TypeUrl.CLUSTER] = Progress(refused=revision)


def test_an_ack_of_what_the_proxy_refused_some_of_is_an_error_with_the_reason(
    trail: Trail, heard: list[Told]
) -> None:
    web = stream(1)
    trail.progressed(web, sent=False)
    for revision in (2, 3):
        rung(trail, revision)
        web.session.revision = revision
        trail.progressed(web, sent=True)
        if revision == 2:
            refuse(web, 2, "no such table size")
        acked(web, revision)
        trail.progressed(web, sent=False)
    acks = [each for each in heard if each.name == "ack"]
    assert [each.failed for each in acks] == ["cds bad: no such table size", ""]


def test_a_refusal_is_told_though_it_is_mended_before_the_rest_is_taken(
    trail: Trail, heard: list[Told]
) -> None:
    web = sent(trail)
    refuse(web, 2, "no" * 1000)
    trail.progressed(web, sent=False)
    web.session.watches[TypeUrl.CLUSTER].refused.clear()
    acked(web, 2)
    trail.progressed(web, sent=False)
    (ack,) = [each for each in heard if each.name == "ack"]
    assert ack.failed.startswith("cds bad: no")
    assert len(ack.failed) == LONGEST_REASON


def test_what_a_proxy_is_given_when_it_comes_is_no_change(
    trail: Trail, heard: list[Told]
) -> None:
    rung(trail, 2)
    web = stream(2)
    trail.progressed(web, sent=True)
    assert spans(heard, "pilot.push") == []


def test_a_change_that_a_proxy_needs_nothing_of_is_not_told_later(
    trail: Trail, heard: list[Told]
) -> None:
    web = stream(1)
    trail.progressed(web, sent=False)
    rung(trail, 2)
    web.session.revision = 2
    acked(web, 2)
    trail.progressed(web, sent=False)
    rung(trail, 3)
    web.session.revision = 3
    trail.progressed(web, sent=True)
    assert spans(heard, "pilot.push") == ["3"]


def test_what_waits_for_what_is_in_flight_is_told_when_it_is_sent(
    trail: Trail, heard: list[Told]
) -> None:
    web = stream(1)
    trail.progressed(web, sent=False)
    rung(trail, 2)
    web.session.revision = 2
    trail.progressed(web, sent=False)
    assert spans(heard, "pilot.push") == []
    trail.progressed(web, sent=True)
    assert spans(heard, "pilot.push") == ["2"]


def test_a_proxy_that_never_acknowledges_costs_no_more_and_more(
    trail: Trail, heard: list[Told]
) -> None:
    web = stream(1)
    trail.progressed(web, sent=False)
    for revision in range(2, 300):
        rung(trail, revision)
        web.session.revision = revision
        trail.progressed(web, sent=True)
    acked(web, 299)
    trail.progressed(web, sent=False)
    assert len(spans(heard, "ack")) == REVISIONS_KEPT
    trail.left(web)


def test_of_a_stream_that_ended_nothing_is_due_any_more(
    trail: Trail, heard: list[Told]
) -> None:
    web = sent(trail)
    trail.left(web)
    acked(web, 2)
    trail.progressed(web, sent=False)
    assert spans(heard, "pilot.push") == ["2"]
    assert spans(heard, "ack") == [], "another stream may have its place in memory"


def test_what_the_ledger_told_is_told_once(trail: Trail, heard: list[Told]) -> None:
    rung(trail, 2)
    trail.read(EPOCH, (Revision(2), Revision(3)), trail.now())
    assert spans(heard, "pilot.batch") == ["2", "3"]
