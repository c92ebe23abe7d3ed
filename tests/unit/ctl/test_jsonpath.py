from __future__ import annotations

import pytest

from meltemi.ctl.jsonpath import JsonPathError, filled

LIST = {
    "items": [
        {
            "metadata": {"name": "a", "labels": {"app.io/x": "1"}},
            "spec": {"hosts": ["one", "two"], "weight": 5, "on": True},
        },
        {"metadata": {"name": "b"}, "spec": {"hosts": ["three"]}},
    ]
}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{.items[*].metadata.name}", "a b"),
        (".items[*].metadata.name", "a b"),
        ("{$.items[0].metadata.name}", "a"),
        ("{.items[-1].metadata['name']}", "b"),
        ("{.items[0].metadata.labels.app\\.io/x}", "1"),
        ("{.items[0].metadata.labels['app.io/x']}", "1"),
        ("{.items[0].spec.hosts[0:1]}", "one"),
        ("{.items[0].spec.hosts[1:]}", "two"),
        ("{.items[0].spec.hosts}", '["one", "two"]'),
        ("{.items[0].spec.*}", '["one", "two"] 5 true'),
        ("{..name}", "a b"),
        ('{.items[?(@.metadata.name=="b")].spec.hosts[0]}', "three"),
        ("{.items[?(@.metadata.name != 'b')].metadata.name}", "a"),
        ("{.items[?(@.spec.weight==5)].metadata.name}", "a"),
        ("{.items[?(@.metadata.labels)].metadata.name}", "a"),
        ('{range .items[*]}{.metadata.name}{"\\t"}{.spec.hosts[0]}{"\\n"}{end}', "a\tone\nb\tthree\n"),
        ("name: {.items[0].metadata.name}!", "name: a!"),
        ("{.nowhere.at[3].all}", ""),
        ("{.}", None),
    ],
)  # fmt: skip
def test_a_template_says_what_its_paths_lead_to(
    template: str, said: str | None
) -> None:
    found = filled(template, LIST)
    assert found.startswith("{") if said is None else found == said


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{.a", "braces"),
        ("{.a}}", "braces"),
        ("{range .items[*]}x", "no {end}"),
        ("x{end}", "without a {range"),
        ("{.a[}", "stops to be a path"),
        ("{'\\q'}", "escapes"),
    ],
)
def test_a_template_that_cannot_be_read_says_where(template: str, why: str) -> None:
    with pytest.raises(JsonPathError) as refused:
        filled(template, LIST)
    assert why in str(refused.value)
