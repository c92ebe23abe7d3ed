from __future__ import annotations

import pytest

from meltemi.injector.compose.variable import is_variable, masked, parts


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("${A}", "$"),
        ("${A:-b:c}:80", "$:80"),
        ("${A:-${B:-x}}:80", "$:80"),
        ("$PORT/tcp", "$/tcp"),
        ("x${A}y$B", "x$y$"),
    ],
)
def test_a_variable_is_masked_with_all_that_stands_in_it(text: str, mask: str) -> None:
    assert masked(text) == mask
    assert is_variable(text)


@pytest.mark.parametrize("text", ["", "80", "$$A", "$${A}", "cost: 5$", "${A", "$1"])
def test_what_is_no_variable_stays(text: str) -> None:
    assert masked(text) == text
    assert not is_variable(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a:b:ro", ["a", "b", "ro"]),
        ("${DATA:-./data}:/data", ["${DATA:-./data}", "/data"]),
        ("${A:-${B:-x:y}}/z:/t:ro", ["${A:-${B:-x:y}}/z", "/t", "ro"]),
        (r"C:\data:/data", [r"C:\data", "/data"]),
        ("/only", ["/only"]),
        ("", [""]),
    ],
)
def test_a_colon_in_a_variable_separates_nothing(text: str, found: list[str]) -> None:
    assert parts(text) == found
