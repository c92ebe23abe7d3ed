from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.xds.session import Request, Session
from meltemi.xds.types import EMPTY, TypeUrl

if TYPE_CHECKING:
    from meltemi.xds.watch import Push

CDS, EDS, LDS, RDS = (
    TypeUrl.CLUSTER,
    TypeUrl.ENDPOINT,
    TypeUrl.LISTENER,
    TypeUrl.ROUTE,
)
Target = dict[TypeUrl, dict[str, str]]


def ask(session: Session, kind: TypeUrl, *names: str) -> None:
    session.take(Request(kind, subscribe=frozenset(names)))


def ack(session: Session, kind: TypeUrl, push: Push, error: str | None = None) -> None:
    session.take(Request(kind, nonce=push.nonce, error=error))


def drain(session: Session) -> list[TypeUrl]:
    """Answer until nothing comes any more; return the order things came in."""
    order: list[TypeUrl] = []
    while due := session.pushes():
        for kind, push in due:
            order.append(kind)
            ack(session, kind, push)
    return order


def settled(target: Target, revision: int = 1) -> Session:
    session = Session()
    session.aim(target, revision)
    ask(session, CDS)
    ask(session, EDS, *target[EDS])
    ask(session, LDS)
    ask(session, RDS, *target[RDS])
    drain(session)
    return session


BEFORE: Target = {CDS: {"c1": "1"}, EDS: {"c1": "1"}, LDS: {"l": "1"}, RDS: {"r": "1"}}


def test_a_new_proxy_gets_everything_in_order() -> None:
    session = Session()
    session.aim(BEFORE, 7)
    ask(session, CDS)
    ask(session, EDS, "c1")
    ask(session, LDS)
    ask(session, RDS, "r")
    assert drain(session) == [CDS, EDS, LDS, RDS]
    assert session.acked == 7


def test_routes_wait_until_their_clusters_are_acknowledged() -> None:
    session = settled(BEFORE)
    session.aim(BEFORE | {CDS: {"c1": "1", "c2": "1"}, RDS: {"r": "2"}}, 2)
    ((first, push),) = session.pushes()
    assert first is CDS
    assert session.pushes() == [], "the route would point at a cluster not yet there"
    ack(session, CDS, push)
    assert [kind for kind, _ in session.pushes()] == [RDS]


def test_a_cluster_leaves_only_after_the_routes_that_used_it() -> None:
    session = settled(BEFORE | {CDS: {"c1": "1", "c2": "1"}})
    session.aim({**BEFORE, RDS: {"r": "2"}}, 2)
    ((first, route),) = session.pushes()
    assert first is RDS
    assert session.acked == 1
    ack(session, RDS, route)
    ((last, removal),) = session.pushes()
    assert (last, removal.remove) == (CDS, frozenset({"c2"}))
    assert session.acked == 1, "a deletion has arrived when it is acknowledged"
    ack(session, CDS, removal)
    assert session.pushes() == []
    assert session.acked == 2


def test_a_cluster_stays_while_a_refused_route_may_still_use_it() -> None:
    session = settled(BEFORE | {CDS: {"c1": "1", "c2": "1"}})
    session.aim({**BEFORE, RDS: {"r": "bad"}}, 2)
    ((_, route),) = session.pushes()
    ack(session, RDS, route, error="bad route")
    assert session.pushes() == []
    assert session.progress[RDS].refused == 2


def test_endpoints_are_sent_again_when_their_cluster_is_replaced() -> None:
    session = settled(BEFORE)
    session.aim({**BEFORE, CDS: {"c1": "2"}}, 2)
    pushes = session.pushes()
    assert [kind for kind, _ in pushes] == [CDS, EDS]
    assert pushes[1][1].upsert == {"c1": "1"}, "Envoy dropped them with the old cluster"


def test_endpoints_of_an_unknown_cluster_are_answered_empty() -> None:
    session = settled(BEFORE)
    ask(session, EDS, "ghost")
    ((kind, push),) = session.pushes()
    assert (kind, push.upsert) == (EDS, {"ghost": EMPTY})


def test_a_reconnecting_proxy_is_sent_only_what_differs() -> None:
    session = Session()
    session.aim({**BEFORE, EDS: {"c1": "2"}}, 2)
    session.take(Request(CDS, initial={"c1": "1"}))
    session.take(Request(EDS, subscribe=frozenset({"c1"}), initial={"c1": "1"}))
    session.take(Request(LDS, initial={"l": "1"}))
    session.take(Request(RDS, subscribe=frozenset({"r"}), initial={"r": "1"}))
    ((kind, push),) = session.pushes()
    assert (kind, push.upsert) == (EDS, {"c1": "2"})


def test_a_revision_that_changes_nothing_counts_as_arrived() -> None:
    session = settled(BEFORE, revision=1)
    session.aim(BEFORE, 9)
    assert session.pushes() == []
    assert session.acked == 9
    assert {each.sent for each in session.progress.values()} == {9}, "nobody is late"


def test_nothing_is_sent_before_there_is_a_model() -> None:
    session = Session()
    ask(session, CDS)
    assert session.pushes() == [], "an empty answer would be an outage"
    assert session.acked == 0


def test_a_proxy_that_lacks_a_whole_type_holds_no_revision() -> None:
    session = Session()
    session.aim(BEFORE, 3)
    ask(session, LDS)
    ask(session, RDS, "r")
    drain(session)
    assert session.acked == 0, "it has not even asked for clusters"


def test_after_a_refusal_the_next_change_of_that_type_arrives() -> None:
    session = settled(BEFORE)
    spare = {CDS: {"c1": {"1"}}}
    session.aim({**BEFORE, CDS: {"c1": "bad"}}, 2, spare)
    pushes = dict(session.pushes())
    ack(session, CDS, pushes[CDS], error="no")
    ack(session, EDS, pushes[EDS])
    back = dict(session.pushes())
    assert back[CDS].upsert == {"c1": "1"}
    assert back[EDS].upsert == {"c1": "1"}, "a cluster put back needs its endpoints"
    assert session.acked == 1, "not before it is rid of what it refused"
    ack(session, CDS, back[CDS])
    ack(session, EDS, back[EDS])
    drain(session)
    assert session.acked == 2


def test_a_cluster_sent_before_endpoints_are_asked_for_gets_them_all_the_same() -> None:
    session = Session()
    session.aim(BEFORE | {CDS: {"c1": "2"}}, 2)
    session.take(Request(CDS, initial={"c1": "1"}))
    ((kind, push),) = session.pushes()
    assert (kind, push.upsert) == (CDS, {"c1": "2"})
    session.take(Request(EDS, subscribe=frozenset({"c1"}), initial={"c1": "1"}))
    ((kind, endpoints),) = session.pushes()
    assert (kind, endpoints.upsert) == (EDS, {"c1": "1"}), "Envoy waits for them"


def test_a_proxy_that_comes_with_a_refused_cluster_is_freed_of_it_first() -> None:
    session = Session()
    session.aim(BEFORE | {CDS: {"c1": "1", "c2": "1"}}, 2)
    session.take(Request(CDS, initial={"c1": "refused"}))
    ((_, cure),) = session.pushes()
    assert (cure.upsert, cure.remove) == ({}, frozenset({"c1"}))
    ack(session, CDS, cure)
    ((_, push),) = session.pushes()
    assert push.upsert == {"c1": "1", "c2": "1"}


def test_a_mesh_without_anything_is_told_too_once() -> None:
    """Envoy starts only after a first answer for clusters, then for listeners."""
    session = Session()
    session.aim({}, 3)
    ask(session, CDS)
    ask(session, LDS)
    assert drain(session) == [CDS, LDS]
    assert session.acked == 3
    session.aim({}, 4)
    assert not session.pushes()


ECDS = TypeUrl.EXTENSION


def test_a_filter_that_is_slow_to_come_holds_nothing_up_but_its_own_progress() -> None:
    session = settled(BEFORE | {ECDS: {"f": "1"}})
    ask(session, ECDS, "f")
    ((first, slow),) = session.pushes()
    assert first is ECDS
    session.aim({**BEFORE, RDS: {"r": "2"}, ECDS: {"f": "1"}}, 2)
    ((second, route),) = session.pushes()
    assert second is RDS
    ack(session, RDS, route)
    assert session.pushes() == []
    assert session.acked == 0, "the proxy lacks the filter"
    ack(session, ECDS, slow)
    session.pushes()
    assert session.acked == 2


def test_a_filter_leaves_only_after_the_listeners_it_stood_in() -> None:
    session = settled(BEFORE | {ECDS: {"f": "1"}})
    ask(session, ECDS, "f")
    drain(session)
    session.aim({**BEFORE, LDS: {"l": "2"}}, 2)
    ((first, listener),) = session.pushes()
    assert first is LDS
    ack(session, LDS, listener)
    ((last, removal),) = session.pushes()
    assert last is ECDS
    assert removal.remove == {"f"}
