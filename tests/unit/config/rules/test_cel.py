from __future__ import annotations

import pytest

from meltemi.config.rules.cel import LONGEST, check_expression


@pytest.mark.parametrize(
    "text",
    [
        "response.code >= 400",
        "response.code >= 400 && !(request.method in ['GET', \"HEAD\"])",
        "has(request.headers['x-id']) ? request.headers['x-id'] == 'a' : true",
        "request.url_path.startsWith('/a') || connection.mtls == true",
        "-1 + 2 * 3 % 4 < 0x1Fu",
        "{'a': 1, 'b': [2, 3,]}['a'] == 1",
        "'it\\'s' + r'\\d' + '''a\nb'''",
        "'in' == 'in'",
        "a.b(c, d)[0].e{f: 1}",
        "true // always",
    ],
)
def test_expressions_of_cel_are_right(text: str) -> None:
    assert list(check_expression("e", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "response.code >=",
        "response.code ++ 2",
        "response.code == 'a",
        "(a",
        "a)",
        "a b",
        "[1, 2",
        "a ? b",
        "{1, 2}",
        "a == #",
        "in",
        "a = b",
        "(" * 200 + ")" * 200,
        "a" * (LONGEST + 1),
        "!" * LONGEST,
    ],
)
def test_what_breaks_off_or_goes_on_is_told(text: str) -> None:
    (found,) = check_expression("e", text)
    assert found.message.startswith("is not a CEL expression")
