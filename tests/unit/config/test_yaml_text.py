from __future__ import annotations

import pytest

from meltemi.config.extent import DEPTH
from meltemi.config.node import MapNode, plain_value
from meltemi.config.report import Report
from meltemi.config.yaml_text import compose


def read(text: str) -> list[tuple[int, object]]:
    report = Report("f")
    found = [(number, plain_value(node)) for number, node in compose(text, report)]
    assert report.findings == []
    return found


def codes(text: str) -> list[tuple[str, int, int]]:
    report = Report("f")
    compose(text, report)
    return [(f.code, f.source.line, f.source.column) for f in report.findings]


def test_documents_are_numbered_from_one() -> None:
    assert read("a: 1\n---\nb: [x, 'y']\n---\n") == [
        (1, {"a": 1}),
        (2, {"b": ["x", "y"]}),
        (3, None),
    ]


def test_every_value_knows_its_line_and_column() -> None:
    ((_, root),) = compose("a:\n  b: [x,\n   {c: d}]\n", Report("f"))
    assert isinstance(root, MapNode)
    inner = root.values["a"]
    assert isinstance(inner, MapNode)
    assert (inner.line, inner.column) == (2, 3)
    assert (inner.keys["b"].line, inner.keys["b"].column) == (2, 3)
    assert (inner.values["b"].line, inner.values["b"].column) == (2, 6)


def test_quotes_and_blocks_make_strings_of_words() -> None:
    text = """a: 'NO'\nb: "80"\nc: |\n  yes\nd: !!str 5\ne: ! 5\n"""
    ((_, value),) = read(text)
    assert value == {"a": "NO", "b": "80", "c": "yes\n", "d": "5", "e": "5"}


def test_a_map_within_the_depth_is_read_and_one_level_more_is_not() -> None:
    assert codes("[" * DEPTH + "]" * DEPTH) == []
    assert codes("[" * (DEPTH + 1)) == [("TOO_DEEP", 1, DEPTH + 1)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\nb: *a", ("ALIAS", 2, 4)),
        ("a: &x 1", ("ALIAS", 1, 4)),
        ("- &x []", ("ALIAS", 1, 3)),
        ("a: 1\na: 2", ("DUPLICATE_KEY", 2, 1)),
        ("'a': 1\na: 2", ("DUPLICATE_KEY", 2, 1)),
        ("? [a]\n: 1", ("WRONG_TYPE", 1, 3)),
        ("yes: 1", ("WRONG_TYPE", 1, 1)),
        ("a: !x 1", ("TAG", 1, 4)),
        ("a: !!set {b: c}", ("TAG", 1, 4)),
        ("a: b: c", ("MALFORMED_YAML", 1, 5)),
        ("a: 'x", ("MALFORMED_YAML", 1, 6)),
        ("a: \x07", ("MALFORMED_YAML", 1, 4)),
    ],
)
def test_what_yaml_could_mean_but_nobody_should_write_is_refused(
    text: str, code: tuple[str, int, int]
) -> None:
    assert codes(text)[0] == code


def test_addresses_in_flow_lists_are_quoted_where_libyaml_needs_it() -> None:
    assert read("a: [::1, 001:db8::]\nb: [fe80::, x]\n") == [
        (1, {"a": ["::1", "001:db8::"], "b": ["fe80::", "x"]})
    ]


@pytest.mark.parametrize("text", ["a: 1\n---\nb: [c", "a: 1\n---\nb: 1\nc: &d [e]\n"])
def test_of_a_document_that_breaks_off_only_the_break_is_told(text: str) -> None:
    report = Report("f")
    assert [number for number, _ in compose(text, report)] == [1]
    assert len(report.findings) == 1
