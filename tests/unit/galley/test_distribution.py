from __future__ import annotations

import msgspec

from meltemi.galley.distribution import (
    Fleet,
    ProxyRow,
    Refusal,
    Rejection,
    conditions,
    distribution,
    merged,
)

NAME = "VirtualService/default/reviews"
WRITTEN = "2030-01-01T12:00:00.000000Z"


def row(
    proxy: str,
    revision: str | None,
    *,
    connected: bool = True,
    acked_at: dict[str, str] | None = None,
) -> ProxyRow:
    return ProxyRow(
        proxy=proxy,
        pilot="pilot-0",
        connected=connected,
        revision=revision,
        types={},
        acked_at=acked_at or {},
    )


def refusal(proxy: str, name: str = NAME) -> Refusal:
    return Refusal(
        proxy=proxy,
        type="cds",
        resource="outbound|80||reviews",
        object=name,
        path="spec",
        message="not prime",
    )


def test_a_connected_row_wins_over_a_stale_one_then_the_newer() -> None:
    stale, live = row("a", "50", connected=False), row("a", "41")
    older, newer = row("b", "7", connected=False), row("b", "9", connected=False)
    assert merged([stale, live, newer, older]) == (live, newer)


def test_proxies_at_or_beyond_the_revision_have_the_object() -> None:
    fleet = Fleet((row("a", "41"), row("b", "44"), row("c", "40"), row("d", None)))
    found = distribution(NAME, 41, fleet, written=WRITTEN)
    assert (found.total, found.synced) == (4, 2)
    assert found.pending == ("c", "d")
    assert found.seconds is None


def test_proxies_that_left_do_not_count() -> None:
    fleet = Fleet((row("a", "41"), row("b", "3", connected=False)), (refusal("b"),))
    found = distribution(NAME, 41, fleet, written=None)
    assert (found.total, found.synced, found.pending, found.rejected) == (1, 1, (), ())


def test_a_refusal_of_the_object_is_no_success_and_no_waiting() -> None:
    fleet = Fleet((row("a", "41"), row("b", "40")), (refusal("a"), refusal("b")))
    found = distribution(NAME, 41, fleet, written=WRITTEN)
    assert (found.synced, found.pending) == (0, ())
    assert found.rejected[0] == Rejection("a", "cds", "not prime")


def test_a_refusal_of_another_object_does_not_matter() -> None:
    fleet = Fleet((row("a", "41"),), (refusal("a", "Gateway/default/x"),))
    assert distribution(NAME, 41, fleet, written=None).synced == 1


def test_the_time_is_from_the_write_to_the_last_first_acknowledgement() -> None:
    early = {
        "40": "2030-01-01T11:00:00.000000Z",
        "41": "2030-01-01T12:00:00.250000Z",
        "42": "2030-01-01T12:00:09.000000Z",
    }
    late = {"42": "2030-01-01T12:00:01.500000Z"}
    fleet = Fleet((row("a", "42", acked_at=early), row("b", "42", acked_at=late)))
    assert distribution(NAME, 41, fleet, written=WRITTEN).seconds == 1.5
    assert distribution(NAME, 41, fleet, written=None).seconds is None


def test_without_a_record_of_the_acknowledgement_no_time_is_made_up() -> None:
    fleet = Fleet((row("a", "42"),))
    assert distribution(NAME, 41, fleet, written=WRITTEN).seconds is None


def test_conditions_say_in_three_statements_how_the_object_fares() -> None:
    fleet = Fleet((row("a", "41"), row("b", "41")))
    good = conditions(distribution(NAME, 41, fleet, written=None), "DestinationRule")
    assert [(each.type, each.status) for each in good] == [
        ("Accepted", "True"),
        ("Reconciled", "True"),
        ("Rejected", "False"),
    ]
    bad = conditions(
        distribution(NAME, 41, Fleet(fleet.proxies, (refusal("b"),)), written=None),
        "DestinationRule",
    )
    assert [(each.type, each.status) for each in bad] == [
        ("Accepted", "True"),
        ("Reconciled", "False"),
        ("Rejected", "True"),
    ]
    assert bad[1].message == "1/2 proxies at revision 41"
    assert bad[2].message == "not prime"


def test_a_mesh_without_proxies_is_not_reconciled() -> None:
    found = conditions(distribution(NAME, 41, Fleet(), written=None), "DestinationRule")
    assert found[1].status == "False"


def test_a_proxy_that_came_after_the_write_was_not_waited_for() -> None:
    known = row("a", "41", acked_at={"41": "2030-01-01T12:00:00.250000Z"})
    late = row("b", "41", acked_at={"41": "2030-01-01T13:00:00.000000Z"})
    late = msgspec.structs.replace(late, connected_at="2030-01-01T12:59:00.000000Z")
    found = distribution(NAME, 41, Fleet((known, late)), written=WRITTEN)
    assert found.synced == 2
    assert found.seconds == 0.25


def test_a_silent_pilot_may_have_proxies_that_lack_the_object() -> None:
    fleet = Fleet((row("a", "41"),), silent=("pilot-1",))
    found = distribution(NAME, 41, fleet, written=None)
    assert found.pending == ("whoever is on pilot-1, which is silent",)
    assert conditions(found, "DestinationRule")[1].status == "False"


def test_what_a_proxy_starts_with_is_never_said_to_be_everywhere() -> None:
    found = distribution("X", 41, Fleet((row("a", "41"),)), written=None)
    reconciled = conditions(found, "ProxyConfig")[1]
    assert (reconciled.status, reconciled.reason) == ("False", "AtStart")
