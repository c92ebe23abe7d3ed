from __future__ import annotations

import pytest
from envoy.config.core.v3.base_pb2 import Node
from google.protobuf.json_format import Parse
from google.protobuf.struct_pb2 import Struct

from meltemi.pilot.adapters.allowance import (
    MESSAGES_AT_ONCE,
    METADATA_DEPTH,
    NODE_ID_BYTES,
    STRANGE_NAMES,
    Pace,
    Places,
    TooMuchError,
    check_names,
    check_node,
)
from meltemi.pilot.scope.node import InvalidNodeError


def nested(levels: int, opening: str = '{"a":', closing: str = "}") -> Node:
    inner = opening * (levels - 1) + "1" + closing * (levels - 1)
    return Node(id="a", metadata=Parse(f'{{"a":{inner}}}', Struct()))


def test_a_node_may_be_as_large_as_is_allowed_and_no_larger() -> None:
    check_node(Node(id="x" * NODE_ID_BYTES))
    check_node(nested(METADATA_DEPTH))
    wide = Node()
    wide.metadata.update({"a": "x" * 65_530})
    for node, why in (
        (Node(id="x" * (NODE_ID_BYTES + 1)), "node id has 1025 bytes"),
        (nested(METADATA_DEPTH + 1), "nested deeper than 16"),
        (wide, "at most 65536"),
    ):
        with pytest.raises(InvalidNodeError, match=why):
            check_node(node)


def test_lists_count_as_levels_too() -> None:
    check_node(nested(METADATA_DEPTH, "[", "]"))
    with pytest.raises(InvalidNodeError, match="deeper"):
        check_node(nested(METADATA_DEPTH + 1, "[", "]"))


def test_as_many_names_as_there_are_resources_are_never_too_many() -> None:
    check_names(50_000, 50_000)
    check_names(STRANGE_NAMES, 0)
    with pytest.raises(TooMuchError, match="10001 names"):
        check_names(STRANGE_NAMES + 1, 0)


def test_who_takes_a_fifth_place_loses_the_first() -> None:
    places = Places(2)
    with places.place("a") as first, places.place("b") as other:
        with places.place("a") as second, places.place("a") as third:
            assert first.is_set()
            assert not second.is_set()
            assert not third.is_set()
        assert not other.is_set(), "somebody else's stays"
    with places.place("a") as again, places.place("a"):
        assert not again.is_set(), "who left has left its place"


def test_a_burst_is_read_at_once_and_a_flood_at_its_pace() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    waits = [pace.wait() for _ in range(int(MESSAGES_AT_ONCE) + 50)]
    assert not any(waits[: int(MESSAGES_AT_ONCE)])
    assert waits[-1] == pytest.approx(0.5)
    now = 100.0
    assert pace.wait() == 0, "who was quiet may burst again"
