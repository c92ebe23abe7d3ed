from __future__ import annotations

import pytest

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.galley.absence import (
    GONE_SECONDS,
    SIGN,
    UNSEEN_SECONDS,
    Absence,
    Kept,
    Presence,
)
from meltemi.kernel.names import Epoch, Key, Namespace, Revision
from meltemi.proxy import entry
from meltemi.store.ports import Entry, Listing, Mutation, Step
from meltemi.testkit.mesh import resources

OTHERS = ("b.a", "c.a", "d.a")
ALL = ("w.a", *OTHERS)
HERE = Presence(ALL)
GONE = Presence(OTHERS, left=("w.a",))


def test_who_left_is_gone_after_three_seconds_and_not_before() -> None:
    absence = Absence()
    assert absence.look(ALL, HERE, now=0.0) == ()
    assert absence.look(ALL, GONE, now=10.0) == ()
    assert absence.look(ALL, GONE, now=10.0 + GONE_SECONDS - 0.1) == ()
    assert absence.look(ALL, GONE, now=10.0 + GONE_SECONDS) == ("w.a",)


def test_who_is_with_another_pilot_in_between_is_not_gone() -> None:
    absence = Absence()
    for second in range(60):
        presence = HERE if second % 2 else GONE
        assert absence.look(ALL, presence, now=float(second)) == ()


def test_who_moved_though_a_pilot_saw_it_leave_is_not_gone() -> None:
    moved = Presence(ALL, left=("w.a",))
    absence = Absence()
    assert not any(absence.look(ALL, moved, now=float(n)) for n in range(99))


def test_whom_nobody_saw_leave_is_gone_after_a_minute() -> None:
    absence, never = Absence(), Presence(OTHERS)
    assert absence.look(ALL, never, now=0.0) == ()
    assert absence.look(ALL, never, now=UNSEEN_SECONDS - 1) == ()
    assert absence.look(ALL, never, now=UNSEEN_SECONDS) == ("w.a",)


def test_time_in_which_nothing_could_be_seen_does_not_count() -> None:
    absence = Absence()
    assert absence.look(ALL, GONE, now=0.0) == ()
    absence.unseen()
    assert absence.look(ALL, GONE, now=100.0) == ()
    assert absence.look(ALL, GONE, now=100.0 + GONE_SECONDS) == ("w.a",)


@pytest.mark.parametrize("connected", [(), ("b.a",)])
def test_where_more_are_absent_than_there_nobody_is_gone(
    connected: tuple[str, ...],
) -> None:
    absence = Absence()
    cut = Presence(connected, left=tuple(set(ALL) - set(connected)))
    assert not any(absence.look(ALL, cut, now=float(n)) for n in range(99))


def kept_by(keeper: str, account: str = "cart") -> bytes:
    (made,) = resources(f"""
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: w, namespace: a, annotations: {{{SIGN}: "{keeper}"}}}}
spec: {{address: 10.0.0.1, serviceAccount: {account}}}
""")
    return stored(made)


PLACE = ledger_key("m", Key("WorkloadEntry", Namespace("a"), "w"))
CART = "spiffe://cluster.local/ns/a/sa/cart"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (kept_by(CART), True),
        (kept_by(""), False),
        (kept_by("istiod-1"), False),
        (kept_by("spiffe://cluster.local/ns/other/sa/cart"), False),
        (kept_by(CART, account="other"), False),
        (b"{", False),
        (None, False),
    ],
)
def test_an_entry_is_kept_by_the_workload_that_it_is_of_and_by_nobody_else(
    value: bytes | None, *, kept: bool
) -> None:
    followed = Kept()
    followed.step(Step(Epoch("e"), Revision(2), (Mutation(PLACE, value, None),)))
    assert [each.key.name for each in followed.entries.values()] == ["w"] * kept
    assert list(followed.entries) == ["w.a"] * kept


def test_what_is_kept_follows_the_ledger() -> None:
    followed, value = Kept(), kept_by(CART)
    held = Entry(PLACE, value, Revision(1), Revision(1))
    followed.replace(Listing(Epoch("e"), Revision(1), (held,)))
    assert str(followed.entries["w.a"].by) == CART
    followed.step(Step(Epoch("e"), Revision(2), (Mutation(PLACE, None, value),)))
    assert followed.entries == {}
    followed.replace(Listing(Epoch("e"), Revision(3), (held,)))
    followed.replace(Listing(Epoch("f"), Revision(1), ()))
    assert followed.entries == {}


def test_the_agents_word_for_who_keeps_an_entry_is_galleys() -> None:
    assert entry.SIGN == SIGN
