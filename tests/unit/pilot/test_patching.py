"""A person's own changes, made once for all who have the same resource."""

from __future__ import annotations

import json
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from meltemi.kernel.names import Revision
from meltemi.pilot.ir.origin import Origin
from meltemi.pilot.ir.patch import (
    Change,
    ClusterIs,
    Context,
    ListenerIs,
    Part,
    Patch,
    RoutesAre,
)
from meltemi.pilot.patching import Patching
from meltemi.pilot.snapshot import Snapshot, of_items, stored
from meltemi.xds.types import TypeUrl

BY_HAND = Origin("EnvoyFilter", "default", "hand", "spec.configPatches[0]")
CDS = TypeUrl.CLUSTER


def patch(change: Change, value: dict[str, Any] | None = None, name: str = "") -> Patch:
    return Patch(
        part=Part.CLUSTER,
        change=change,
        context=Context.ANY,
        value=json.dumps(value) if value else "",
        listener=ListenerIs(),
        routes=RoutesAre(),
        cluster=ClusterIs(name=name),
        origin=BY_HAND,
    )


def holding(*names: str) -> Snapshot:
    return of_items(
        [
            (CDS, name, stored(CDS, name, Cluster(name=name).SerializeToString()))
            for name in names
        ],
        Revision(1),
    )


def clusters(*parts: Snapshot) -> dict[str, Cluster]:
    return {
        name: Cluster.FromString(each.body)
        for part in parts
        for name, each in part.resources[CDS].items()
    }


def test_each_resource_is_changed_once_for_all_parts_and_callers() -> None:
    patching, change = Patching(), patch(Change.MERGE, {"altStatName": "x"})
    first = patching.of((holding("a"), part := holding("b")), (change,), gateway=False)
    assert {each.alt_stat_name for each in clusters(*first).values()} == {"x"}
    again = patching.of(
        (part,), (patch(Change.MERGE, {"altStatName": "x"}),), gateway=False
    )
    assert again[0] is first[1]
    other = patching.of((part,), (change,), gateway=True)
    assert other[0] is not first[1], "patches tell gateways apart"


def test_what_no_change_meets_is_what_it_was() -> None:
    part = holding("a", "b")
    (made, more) = Patching().of(
        (part,), (patch(Change.MERGE, {"altStatName": "x"}, name="a"),), gateway=False
    )
    assert made.resources[CDS]["b"] is part.resources[CDS]["b"]
    assert made.resources[CDS]["a"].origins == (BY_HAND,)
    assert not clusters(more)


def test_what_is_added_stands_in_place_of_what_has_its_name() -> None:
    made = Patching().of(
        (holding("a", "b"),),
        (patch(Change.ADD, {"name": "a", "altStatName": "new"}),),
        gateway=False,
    )
    assert [len(each.resources[CDS]) for each in made] == [1, 1]
    assert clusters(*made)["a"].alt_stat_name == "new"


def test_what_is_taken_away_is_in_no_part() -> None:
    made = Patching().of(
        (holding("a", "b"),), (patch(Change.REMOVE, name="a"),), gateway=False
    )
    assert clusters(*made).keys() == {"b"}


def test_what_cannot_be_made_is_told_and_changes_nothing() -> None:
    part = holding("a")
    broken = patch(Change.MERGE, {"connectTimeout": "soon"})
    (made, _) = Patching().of((part,), (broken,), gateway=False)
    assert made.resources[CDS]["a"] is part.resources[CDS]["a"]
    assert list(made.unmade) == [BY_HAND]


def test_what_is_in_use_outlives_a_revision_and_the_rest_does_not() -> None:
    patching, changes = Patching(), (patch(Change.MERGE, {"altStatName": "x"}),)
    part = holding("a")
    (made, _) = patching.of((part,), changes, gateway=False)
    patching.turn()
    assert patching.of((part,), changes, gateway=False)[0] is made
    patching.of((holding("b"),), changes, gateway=False)
    patching.turn()
    patching.of((holding("c"),), changes, gateway=False)
    patching.turn()
    assert patching.of((part,), changes, gateway=False)[0] is not made
