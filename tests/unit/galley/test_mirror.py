from __future__ import annotations

from meltemi.galley.mirror import Mirror
from meltemi.kernel.names import Epoch, Revision
from meltemi.store.ports import Entry, Listing, Mutation, Step

EPOCH = Epoch("cafe")


def entry(key: str, value: bytes, revision: int, created: int) -> Entry:
    return Entry(key, value, Revision(revision), Revision(created))


def step(revision: int, *mutations: Mutation) -> Step:
    return Step(EPOCH, Revision(revision), mutations)


def test_before_anything_was_seen_there_is_no_answer() -> None:
    assert Mirror().list("/") is None, "an empty list would be a lie"


def test_it_holds_what_was_listed_under_a_prefix() -> None:
    mirror = Mirror()
    mirror.replace(
        Listing(
            EPOCH, Revision(5), (entry("/a/1", b"x", 2, 2), entry("/b", b"y", 3, 3))
        )
    )
    found = mirror.list("/a/")
    assert found == Listing(EPOCH, Revision(5), (entry("/a/1", b"x", 2, 2),))


def test_it_follows_what_changes() -> None:
    mirror = Mirror()
    mirror.replace(Listing(EPOCH, Revision(5), (entry("/a", b"x", 2, 2),)))
    mirror.step(step(6, Mutation("/a", b"new", b"x"), Mutation("/c", b"z", None)))
    assert mirror.get("/a") == entry("/a", b"new", 6, 2), "it was created at 2"
    assert mirror.get("/c") == entry("/c", b"z", 6, 6)
    mirror.step(step(7, Mutation("/a", None, b"new")))
    assert mirror.get("/a") is None
    found = mirror.list("/")
    assert found is not None
    assert found.revision == 7
