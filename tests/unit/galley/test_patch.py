from __future__ import annotations

import json
from typing import Any

import pytest

from meltemi.galley.patch import MOST_OPERATIONS, merged, parse_operations, patched
from meltemi.galley.refusals import PatchError


def apply(target: Any, *operations: dict[str, Any]) -> Any:
    return patched(target, parse_operations(json.dumps(operations).encode()))


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_rfc_7396_appendix_a_says(
    target: Any, patch: Any, result: Any
) -> None:
    assert merged(target, patch) == result


@pytest.mark.parametrize(
    ("target", "operation", "result"),
    [
        ({"a": 1}, {"op": "add", "path": "/b", "value": 2}, {"a": 1, "b": 2}),
        ({"a": [1, 3]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2, 3]}),
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a": 1}, {"op": "add", "path": "", "value": 2}, 2),
        ({"a": [1, 2]}, {"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"a": [1, 2]}, {"op": "replace", "path": "/a/0", "value": 5}, {"a": [5, 2]}),
        (
            {"a": {"b": 1}},
            {"op": "move", "from": "/a/b", "path": "/c"},
            {"a": {}, "c": 1},
        ),
        (
            {"a": {"b": 1}},
            {"op": "copy", "from": "/a", "path": "/c"},
            {"a": {"b": 1}, "c": {"b": 1}},
        ),
        (
            {"a": {"x": 1, "y": 2}},
            {"op": "test", "path": "/a", "value": {"y": 2, "x": 1}},
            None,
        ),
        ({"a/b": 1, "m~n": 2}, {"op": "remove", "path": "/a~1b"}, {"m~n": 2}),
        ({"a/b": 1, "m~n": 2}, {"op": "remove", "path": "/m~0n"}, {"a/b": 1}),
        ({"a": 1}, {"op": "add", "path": "/b", "value": None}, {"a": 1, "b": None}),
    ],
)
def test_each_operation_does_what_rfc_6902_says(
    target: Any, operation: dict[str, Any], result: Any
) -> None:
    before = json.dumps(target)
    assert apply(target, operation) == (target if result is None else result)
    assert json.dumps(target) == before, "the target itself stays as it is"


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (
            {"op": "remove", "path": "/b"},
            "operation 0 (remove '/b'): there is nothing at /b",
        ),
        ({"op": "replace", "path": "/b", "value": 1}, "nothing at /b"),
        ({"op": "add", "path": "/a/7", "value": 1}, "no item '7' at /a/7"),
        ({"op": "add", "path": "/a/01", "value": 1}, "no item '01'"),
        ({"op": "add", "path": "/n/b", "value": 1}, "neither an object nor a list"),
        ({"op": "add", "path": "/a/-"}, "needs a value"),
        ({"op": "move", "path": "/b"}, "needs a from"),
        ({"op": "move", "from": "/a", "path": "/a/b"}, "into itself"),
        ({"op": "test", "path": "/n", "value": True}, "found 1, expected true"),
        ({"op": "add", "path": "b", "value": 1}, "no JSON pointer"),
        ({"op": "spin", "path": "/b"}, "not a JSON patch"),
        ({"path": "/b"}, "not a JSON patch"),
    ],
)
def test_what_cannot_be_done_says_which_operation_and_why(
    operation: dict[str, Any], words: str
) -> None:
    with pytest.raises(PatchError) as caught:
        apply({"a": [1], "n": 1}, operation)
    assert words in str(caught.value)


def test_hostile_patches_are_bounded() -> None:
    doubles = [{"op": "copy", "from": "", "path": f"/{n}"} for n in range(100)]
    with pytest.raises(PatchError, match="bytes are copied"):
        apply({"a": "x" * 100}, *doubles)
    with pytest.raises(PatchError, match="operations, at most"):
        apply({}, *doubles[:1] * (MOST_OPERATIONS + 1))
    deep: Any = 1
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(PatchError, match="levels deep"):
        merged({}, deep)
