from __future__ import annotations

from meltemi.pilot.trace import (
    Problem,
    trace,
)
from meltemi.testkit.held import (
    CALL,
    TCP,
    chain,
    ends,
    held,
    listener,
    weighted,
)


def test_bytes_go_to_clusters_by_weight() -> None:
    shares = {"clusters": [{"name": "a", "weight": 3}, {"name": "b", "weight": 1}]}
    filters = weighted(shares)
    found = trace(held(listener("l", "10.0.0.1", 80, chain("c", filters))), CALL)
    assert [(each.cluster, each.weight) for each in found.targets] == [
        ("a", 3),
        ("b", 1),
    ]


def test_filters_spelled_as_structs_are_read_and_foreign_ones_passed_over() -> None:
    foreign = {
        "name": "mx",
        "typed_config": {
            "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": "type.googleapis.com/some.Filter",
        },
    }
    struct = {
        "name": "tcp",
        "typed_config": {
            "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": TCP,
            "value": {"cluster": "a"},
        },
    }
    found = trace(
        held(listener("l", "10.0.0.1", 80, chain("c", foreign, struct))), CALL
    )
    assert ends(found) == ["a"]
    nothing = held(listener("l", "10.0.0.1", 80, chain("c", foreign)))
    assert trace(nothing, CALL).problem is Problem.NOT_MODELLED
