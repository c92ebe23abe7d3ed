"""What many are sent is joined once, and is the same as if it were not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.adapters import chunks as chunks_module
from meltemi.pilot.adapters.ads_codec import version_of
from meltemi.pilot.adapters.chunks import FEW, Chunks
from meltemi.pilot.snapshot import Stored, stored
from meltemi.xds.layers import layered
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    import pytest

BODIES = {
    each.version: each
    for each in (
        stored(TypeUrl.CLUSTER, f"c{number}", f"{number}".encode())
        for number in range(3 * FEW)
    )
}
NAMES = {f"c{number}": version for number, version in enumerate(BODIES)}
LARGE = {name: NAMES[name] for name in list(NAMES)[: 2 * FEW]}
SMALL = {name: NAMES[name] for name in list(NAMES)[2 * FEW : 2 * FEW + 3]}


class Finder:
    """Finds bodies, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, name: str, version: str) -> Stored:
        assert NAMES[name] == version
        self.asked += 1
        return BODIES[version]


def test_what_is_large_is_joined_once_for_all() -> None:
    chunks, find = Chunks(), Finder()
    both = layered((LARGE, SMALL))
    first = b"".join(chunks.delta(both, find))
    again = b"".join(chunks.delta(layered((LARGE, dict(SMALL))), find))
    assert first == again
    assert find.asked == len(LARGE) + 2 * len(SMALL)
    wanted = [BODIES[version] for version in both.values()]
    assert first == b"".join(each.delta_head + each.body for each in wanted)


def test_what_no_revision_asked_for_lately_is_forgotten() -> None:
    chunks, find, other = Chunks(), Finder(), dict(LARGE)
    for revision in range(1, 6):
        chunks.turn()
        chunks.delta(LARGE, find)
        if revision < 3:
            chunks.delta(other, find)
    assert find.asked == 2 * len(LARGE), "what is in use is kept"
    (kept,) = chunks.joined.values()
    assert kept.part is LARGE
    assert chunks.size == len(kept.data)


def test_the_two_variants_are_not_mixed_up() -> None:
    chunks, find = Chunks(), Finder()
    delta, whole = chunks.delta(LARGE, find), chunks.whole(LARGE, find)
    assert delta != whole
    wanted = [BODIES[version] for version in LARGE.values()]
    assert b"".join(whole) == b"".join(each.whole_head + each.body for each in wanted)


def test_a_version_tells_contents_apart_and_not_objects() -> None:
    chunks = Chunks()
    assert chunks.version(LARGE) == chunks.version(dict(LARGE)) == version_of(LARGE)
    both = layered((LARGE, SMALL))
    assert chunks.version(both) == Chunks().version(layered((LARGE, dict(SMALL))))
    assert chunks.version(both) != chunks.version(layered((SMALL, LARGE)))
    assert chunks.version(both) != chunks.version(LARGE)


def test_of_one_revision_too_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [dict(LARGE) for _ in range(4)]
    size = len(b"".join(Chunks().delta(LARGE, Finder())))
    monkeypatch.setattr(chunks_module, "MOST_BYTES", 2 * size)
    chunks, find = Chunks(), Finder()
    for each in (*parts[:3], parts[0], parts[3]):
        chunks.delta(each, find)
    assert [id(each.part) for each in chunks.joined.values()] == [
        id(parts[0]),
        id(parts[3]),
    ]
    assert chunks.size == 2 * size


def test_of_versions_no_more_are_remembered_than_a_mesh_needs() -> None:
    chunks = Chunks()
    for number in range(2 * chunks_module.NAMES):
        chunks.version({"a": f"{number}"})
        assert len(chunks.versions) <= chunks_module.NAMES
