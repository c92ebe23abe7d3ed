from __future__ import annotations

from meltemi.events.change import Change, Operation
from meltemi.galley.changes import Chain
from meltemi.kernel.names import Epoch, Revision
from meltemi.store.ports import Entry, Listing, Mutation, Step

CAFE = Epoch("cafe")


def entry(key: str, revision: int) -> Entry:
    return Entry(key, b"v", Revision(revision), Revision(revision))


def listing(revision: int, *entries: Entry, epoch: Epoch = CAFE) -> Listing:
    return Listing(epoch, Revision(revision), entries)


def step(revision: int, *mutations: Mutation) -> Step:
    return Step(CAFE, Revision(revision), mutations)


def links(changes: tuple[Change, ...]) -> list[tuple[str, str, int, int, str]]:
    return [
        (each.ledger_key, each.operation, each.previous, each.revision, part(each))
        for each in changes
    ]


def part(change: Change) -> str:
    return f"{change.part}/{change.parts}"


def test_the_watch_begins_behind_the_newest_entry_so_later_removals_are_met() -> None:
    chain = Chain()
    assert chain.begin(listing(20, entry("/a", 5), entry("/b", 9))) == 10
    assert chain.head == 9
    removal = chain.step(step(12, Mutation("/c", None, b"v")))
    assert links(removal) == [("/c", "deleted", 9, 12, "1/1")]


def test_an_empty_ledger_counts_as_a_change_at_its_listing() -> None:
    chain = Chain()
    assert chain.begin(listing(20)) == 21
    (change,) = chain.step(step(23, Mutation("/a", b"v", None)))
    assert (change.previous, change.operation) == (20, Operation.CREATED)


def test_every_change_names_the_one_before_it() -> None:
    chain = Chain()
    chain.begin(listing(5, entry("/a", 5)))
    first = chain.step(step(7, Mutation("/a", b"w", b"v")))
    second = chain.step(step(9, Mutation("/a", None, b"w"), Mutation("/b", b"x", None)))
    assert links(first + second) == [
        ("/a", "updated", 5, 7, "1/1"),
        ("/a", "deleted", 7, 9, "1/2"),
        ("/b", "created", 7, 9, "2/2"),
    ]
    assert chain.head == 9


def test_a_step_without_changes_is_no_link() -> None:
    chain = Chain()
    chain.begin(listing(5, entry("/a", 5)))
    assert chain.step(step(8)) == ()
    assert chain.head == 5


def test_after_lost_history_only_what_differs_is_told_in_order() -> None:
    chain = Chain()
    chain.begin(listing(9, entry("/a", 5), entry("/b", 6), entry("/c", 9)))
    told = chain.catch_up(
        listing(30, entry("/a", 25), entry("/b", 6), entry("/d", 21), entry("/e", 25))
    )
    assert links(told) == [
        ("/d", "created", 9, 21, "1/1"),
        ("/a", "updated", 21, 25, "1/2"),
        ("/e", "created", 21, 25, "2/2"),
        ("/c", "deleted", 25, 30, "1/1"),
    ]
    assert chain.head == 30


def test_a_replaced_ledger_is_told_whole() -> None:
    chain = Chain()
    chain.begin(listing(900, entry("/a", 800), entry("/z", 900)))
    told = chain.catch_up(listing(30, entry("/a", 20), epoch=Epoch("beef")))
    assert [(each.epoch, each.ledger_key, each.operation) for each in told] == [
        ("beef", "/a", "created"),
        ("beef", "/z", "deleted"),
    ]
    assert all(each.previous < each.revision for each in told)
    assert chain.head == 30
