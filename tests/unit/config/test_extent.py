from __future__ import annotations

import json

import pytest

from meltemi.config.extent import DEPTH, DOCUMENTS, ITEMS, excess_of, is_deep

RULE = "kind: DestinationRule\nmetadata: {name: a, labels: {b: c}}\nspec:\n  subsets:\n  - name: v1\n  - name: v2\n"
LITERAL = "a:\n  b: |\n" + "    - x: y, z\n" * (ITEMS * 2) + "  c: [d, e]\n"


def blocks(items: int) -> str:
    return "spec:\n  http:\n" + "  - name: a\n    hosts: [b, c]\n" * items


def keys(number: int) -> str:
    return "labels:\n" + "".join(f"  k{n}: a\n" for n in range(number))


def flow(items: int) -> str:
    return "spec: {hosts: [" + ", ".join(["'it, [is'"] * items) + "]}\n"


def indented_json(items: int) -> str:
    return json.dumps({"items": [{"a": ["b,c", "["]}] * items}, indent=1)


@pytest.mark.parametrize("text", [blocks, keys, flow, indented_json])
def test_the_longest_list_or_map_passes_and_one_longer_does_not(text: object) -> None:
    assert callable(text)
    assert excess_of(text(ITEMS)) is None
    excess = excess_of(text(ITEMS + 2))
    assert excess is not None
    assert "4,096" in excess.message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\n---\n".join([RULE] * 5_000), id="many documents"),
        pytest.param(
            "\n".join(["--- {kind: a, b: c}"] * 5_000), id="documents in lines"
        ),
        pytest.param(LITERAL, id="a literal that looks like a list"),
        pytest.param("# - a: b, [it's, {\n" * 9_000, id="comments"),
        pytest.param(
            "".join(f"k{n}:\n" + "  - [b, c]\n" * 5 for n in range(4_000)),
            id="many short lists",
        ),
        pytest.param("a: b, c\n  d, e's [f\n" * 3_000, id="words with punctuation"),
        pytest.param("", id="nothing"),
    ],
)
def test_long_texts_of_short_lists_pass(text: str) -> None:
    assert excess_of(text) is None


def test_an_excess_is_told_with_its_place() -> None:
    excess = excess_of("a: 1\n---\n" + blocks(ITEMS + 1))
    assert excess is not None
    assert (excess.document, excess.line, excess.column) == (2, 5 + 2 * ITEMS, 3)


def test_a_list_behind_a_literal_is_still_counted() -> None:
    assert excess_of(LITERAL + blocks(ITEMS + 1)) is not None


def test_too_many_documents_are_too_many() -> None:
    assert excess_of("a\n---\n" * DOCUMENTS) is None
    assert excess_of("a\n---\n" * (DOCUMENTS + 1)) is not None


def test_depth_counts_brackets_and_not_what_is_quoted() -> None:
    assert not is_deep('{"a":' * DEPTH + '"' + "[" * 99 + '"' + "}" * DEPTH)
    assert is_deep('[{"a":' * DEPTH + "1" + "}]" * DEPTH)
    assert not is_deep("[" + "[],{}," * 500 + "[]]")
    assert is_deep("[" * (DEPTH + 1) + "]" * (DEPTH + 1))
