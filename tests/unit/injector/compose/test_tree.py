from __future__ import annotations

import pytest

from meltemi.config.finding import InvalidConfigError
from meltemi.injector.compose.tree import Mapping, tree_of
from meltemi.injector.compose.value import Resolver


def refusal(text: str) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        Resolver("f").value(tree_of(text, "f"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: [", "f:2:1: MALFORMED_YAML"),
        ("a: 1\na: 2", "f:2:1: DUPLICATE_KEY"),
        ("a: *b", "f:1:4: MALFORMED_YAML"),
        ("a: &a [*a]", "f:1:8: MALFORMED_YAML"),
        ("? [a]\n: b", "f:1:3: WRONG_TYPE"),
        ("a: 1\n---\nb: 2", "f:2:1: SEVERAL_DOCUMENTS"),
        ("- a", "f:1:1: WRONG_TYPE"),
        ("", "f:1:1: WRONG_TYPE"),
        ("a: 1\rb: 2", "f:1:1: MALFORMED_YAML"),
        ("a: !reset null", "f:1:4: TAG"),
        ("a: \x00", "f:1:1: MALFORMED_YAML"),
        ("<<: [a]", "f:1:5: WRONG_TYPE"),
    ],
)
def test_what_cannot_be_followed_is_refused_at_its_place(text: str, where: str) -> None:
    assert refusal(text).startswith(where)


def test_t4_a_bomb_of_aliases_and_a_deep_one_are_refused() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    assert "TOO_LARGE" in refusal(bomb)
    assert "TOO_DEEP" in refusal("a: " + "[" * 60)
    assert "TOO_LARGE" in refusal("a: x" + "x" * 1_100_000)


def test_a_part_knows_its_first_and_its_last_line() -> None:
    text = "a: &x\n  - 1\n  # c\n\nb: |\n  t\n\n  u\nc: {d: [1,\n  2]}\ne: 'x\n  y'\n"
    root = tree_of(text, "f")
    assert isinstance(root, Mapping)
    found = {key.text: (key.first, node.last) for key, node in root.entries}
    assert found == {"a": (0, 1), "b": (4, 7), "c": (8, 9), "e": (10, 11)}


def test_a_merge_gives_what_is_not_said_and_the_first_of_several_wins() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}\n"
    found = Resolver("f").value(tree_of(text, "f"))
    assert isinstance(found, dict)
    assert {key: str(each) for key, each in found["z"].items()} == {  # type: ignore[union-attr]
        "a": "0",
        "b": "1",
        "c": "2",
    }
