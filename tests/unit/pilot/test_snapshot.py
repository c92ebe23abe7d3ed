from __future__ import annotations

from types import MappingProxyType

from meltemi.kernel.names import Revision
from meltemi.pilot.snapshot import (
    LARGE,
    Item,
    Snapshot,
    Stored,
    as_version,
    exchanged,
    following,
)
from meltemi.xds.types import TypeUrl

CDS = TypeUrl.CLUSTER


def holding(**clusters: str) -> Snapshot:
    resources = {kind: dict[str, Stored]() for kind in TypeUrl}
    resources[CDS] = {
        name: as_version(TypeUrl.CLUSTER, name, version.encode(), version)
        for name, version in clusters.items()
    }
    versions = {
        kind: {name: stored.version for name, stored in named.items()}
        for kind, named in resources.items()
    }
    return Snapshot(Revision(1), MappingProxyType(resources), versions)


def known(*snapshots: Snapshot) -> dict[str, list[str]]:
    """Return the older versions that the last of ``snapshots`` can still send."""
    made = snapshots[0]
    for later in snapshots[1:]:
        made = following(made, later).made
    return {name: list(before) for name, before in made.retired[CDS].items()}


def test_what_was_before_can_still_be_sent() -> None:
    assert known(holding(a="1"), holding(a="2")) == {"a": ["1"]}


def test_the_good_version_outlives_four_bad_ones_and_not_a_fifth() -> None:
    edits = [holding(a=version) for version in ("good", "b1", "b2", "b3", "b4", "b5")]
    assert known(*edits[:5]) == {"a": ["good", "b1", "b2", "b3"]}
    assert known(*edits) == {"a": ["b1", "b2", "b3", "b4"]}


def test_of_what_is_large_only_the_last_version_is_kept() -> None:
    small, large = "s" * (LARGE - 1), "l" * LARGE
    assert known(holding(a="1"), holding(a="2"), holding(a=small)) == {"a": ["1", "2"]}
    assert known(holding(a="1"), holding(a="2"), holding(a=large)) == {"a": ["2"]}


def test_what_left_is_not_kept() -> None:
    assert known(holding(a="1", b="1"), holding(b="2"), holding(a="3", b="2")) == {
        "b": ["1"]
    }


def test_a_type_in_which_nothing_changed_keeps_its_mapping() -> None:
    first = holding(a="1", b="1")
    second = following(first, holding(a="1", b="1")).made
    assert second.versions[CDS] is first.versions[CDS]
    third = following(second, holding(a="2", b="1")).made
    assert third.versions[CDS] is not second.versions[CDS]
    assert third.versions[CDS]["a"] == "2"


def item(name: str, version: str) -> Item:
    return CDS, name, as_version(CDS, name, version.encode(), version)


def test_items_are_exchanged_for_others_of_their_names() -> None:
    before = holding(a="1", b="1")
    steps = (((item("a", "1"),), (item("a", "2"),)),)
    after = exchanged(before, steps, Revision(9))
    assert after is not None
    assert (after.revision, after.resources) == (9, holding(a="2", b="1").resources)
    assert after.versions == holding(a="2", b="1").versions
    assert before.versions == holding(a="1", b="1").versions


def test_a_type_in_which_nothing_is_exchanged_keeps_its_mapping() -> None:
    before = holding(a="1")
    after = exchanged(before, (((item("a", "1"),), (item("a", "1"),)),), Revision(9))
    assert after is not None
    assert after.resources[CDS] is before.resources[CDS]
    assert after.versions[CDS] is before.versions[CDS]


def test_others_names_and_what_is_not_held_cannot_be_exchanged() -> None:
    before = holding(a="1")
    for old, new in (("a", "b"), ("c", "c")):
        steps = (((item(old, "1"),), (item(new, "2"),)),)
        assert exchanged(before, steps, Revision(9)) is None
    stale = (((item("a", "0"),), (item("a", "2"),)),)
    assert exchanged(before, stale, Revision(9)) is None
