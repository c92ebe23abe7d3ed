from __future__ import annotations

from meltemi.galley import sight as module
from meltemi.galley.mirror import Mirror
from meltemi.galley.sight import Sight
from meltemi.kernel.names import Epoch, Revision
from meltemi.store.ports import Entry, Listing, Mutation, Step, Write

EPOCH = Epoch("cafe")


def mirror(revision: int, **entries: int) -> Mirror:
    made = Mirror()
    held = tuple(
        Entry(key, b"seen", Revision(number), Revision(number))
        for key, number in entries.items()
    )
    made.replace(Listing(EPOCH, Revision(revision), held))
    return made


def found(sight: Sight, key: str) -> bytes | None:
    entry = sight.get(key)
    return None if entry is None else entry.value


def test_nothing_is_clear_before_anything_was_seen() -> None:
    assert not Sight(Mirror()).clear
    assert Sight(mirror(1)).clear


def test_own_writes_count_until_the_mirror_has_passed_them() -> None:
    seen = mirror(5, a=3, b=4)
    sight = Sight(seen)
    sight.note([Write("a", b"own"), Write("b", None)], Revision(7))
    assert (found(sight, "a"), found(sight, "b")) == (b"own", None)
    seen.step(Step(EPOCH, Revision(8), (Mutation("a", b"other", b"own"),)))
    assert found(sight, "a") == b"other"


def test_memory_is_bounded() -> None:
    sight = Sight(mirror(0))
    for number in range(module.MOST_OWN * 3):
        sight.note([Write(f"k{number}", b"x")], Revision(number + 1))
    assert len(sight._own) <= module.MOST_OWN
