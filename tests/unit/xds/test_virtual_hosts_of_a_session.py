"""Virtual hosts that travel by themselves reach a proxy that can hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.xds.session import Request, Session
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from meltemi.xds.watch import Push

CDS, LDS, RDS = TypeUrl.CLUSTER, TypeUrl.LISTENER, TypeUrl.ROUTE
VHDS = TypeUrl.VIRTUAL_HOST
TARGET = {
    CDS: {"c": "1"},
    LDS: {"l": "1"},
    RDS: {"80": "t", "81": "t"},
    VHDS: {"80/a": "1", "80/b": "1", "81/a": "1"},
}


def ask(session: Session, kind: TypeUrl, *names: str) -> None:
    session.take(Request(kind, subscribe=frozenset(names)))


def ack(session: Session, kind: TypeUrl, push: Push, error: str | None = None) -> None:
    session.take(Request(kind, nonce=push.nonce, error=error))


def drain(session: Session) -> list[tuple[TypeUrl, list[str], list[str]]]:
    """Answer until nothing comes any more; return what came: kind, added, gone."""
    found: list[tuple[TypeUrl, list[str], list[str]]] = []
    while due := session.pushes():
        for kind, push in due:
            found.append((kind, sorted(push.upsert), sorted(push.remove)))
            ack(session, kind, push)
    return found


def settled(*tables: str) -> Session:
    session = Session()
    session.aim(TARGET, 1)
    ask(session, CDS)
    ask(session, LDS)
    ask(session, RDS, *tables)
    drain(session)
    ask(session, VHDS)
    drain(session)
    return session


def test_only_the_hosts_of_tables_it_has_are_sent() -> None:
    session = settled("80")
    assert set(session.watches[VHDS].holds) == {"80/a", "80/b"}
    assert session.acked == 1


def test_a_host_waits_until_its_table_was_taken() -> None:
    session = settled("80")
    ask(session, RDS, "81")
    ((kind, push),) = session.pushes()
    assert (kind, set(push.upsert)) == (RDS, {"81"})
    assert session.pushes() == [], "Envoy would drop a host of a table it has not"
    ack(session, kind, push)
    assert drain(session) == [(VHDS, ["81/a"], [])]


def test_one_changed_host_is_all_that_travels() -> None:
    session = settled("80", "81")
    session.aim({**TARGET, VHDS: {**TARGET[VHDS], "80/b": "2"}}, 2)
    assert drain(session) == [(VHDS, ["80/b"], [])]
    assert session.acked == 2


def test_a_host_that_is_gone_is_taken_away_beside_what_follows_it() -> None:
    session = settled("80")
    session.aim({**TARGET, VHDS: {"80/a": "1", "80/c": "1"}}, 2)
    assert drain(session) == [(VHDS, ["80/c"], ["80/b"])], "one may have its domains"


def test_a_table_that_is_fetched_again_gets_its_hosts_again() -> None:
    session = settled("80", "81")
    session.take(Request(RDS, unsubscribe=frozenset({"80"})))
    ask(session, RDS, "80")
    assert drain(session) == [(RDS, ["80"], []), (VHDS, ["80/a", "80/b"], [])]


def test_a_table_fetched_while_its_hosts_are_on_their_way_gets_them_again() -> None:
    session = settled("80")
    session.aim({**TARGET, VHDS: {**TARGET[VHDS], "80/a": "2"}}, 2)
    ((_, late),) = session.pushes()
    ask(session, RDS, "80")
    ack(session, VHDS, late)
    assert drain(session) == [(RDS, ["80"], []), (VHDS, ["80/a", "80/b"], [])]


def test_hosts_of_a_table_nobody_asks_for_any_more_leave() -> None:
    session = settled("80", "81")
    session.take(Request(RDS, unsubscribe=frozenset({"81"})))
    assert drain(session) == [(VHDS, [], ["81/a"])]


def test_who_refuses_a_new_table_keeps_its_hosts() -> None:
    session = settled("80", "81")
    session.aim({**TARGET, RDS: {"80": "u", "81": "u"}}, 2)
    ((kind, push),) = session.pushes()
    ack(session, kind, push, "one of them is bad")
    hosts = [push for kind, push in session.pushes() if kind is VHDS]
    assert hosts == []
    assert set(session.watches[VHDS].holds) == set(TARGET[VHDS])


def test_who_comes_back_with_all_of_it_is_sent_nothing() -> None:
    session = Session()
    session.aim(TARGET, 3)
    names = frozenset({"80", "81"})
    for kind in (CDS, LDS):
        session.take(Request(kind, initial=TARGET[kind]))
    session.take(Request(VHDS, initial=TARGET[VHDS]))
    assert drain(session) == [], "its tables are not known yet: nothing is taken away"
    session.take(Request(RDS, subscribe=names, initial=TARGET[RDS]))
    assert drain(session) == []
    assert session.acked == 3


def test_who_comes_back_without_a_table_gets_its_hosts() -> None:
    session = Session()
    session.aim(TARGET, 3)
    tables, held = frozenset({"80", "81"}), {"80": "t"}
    for kind in (CDS, LDS):
        session.take(Request(kind, initial=TARGET[kind]))
    session.take(Request(RDS, subscribe=tables, initial=held))
    session.take(Request(VHDS, initial=TARGET[VHDS]))
    assert drain(session) == [(RDS, ["81"], []), (VHDS, ["81/a"], [])]


def test_a_cluster_stays_until_the_last_host_let_go_of_it() -> None:
    session = settled("80")
    session.aim({**TARGET, CDS: {}, VHDS: {**TARGET[VHDS], "80/a": "2"}}, 2)
    assert drain(session) == [(VHDS, ["80/a"], []), (CDS, [], ["c"])]


def test_a_table_that_is_fetched_before_its_hosts_are_asked_for_has_none() -> None:
    session = Session()
    session.aim(TARGET, 1)
    ask(session, CDS)
    ask(session, LDS)
    session.take(Request(RDS, frozenset({"80", "81"}), initial={"81": "t"}))
    drain(session)
    # Envoy tells every virtual host that it was ever sent, also those it lost.
    session.take(Request(VHDS, initial=TARGET[VHDS]))
    assert drain(session) == [(VHDS, ["80/a", "80/b"], [])]
