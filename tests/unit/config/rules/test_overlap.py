from __future__ import annotations

import pytest

from meltemi.testkit.configuration import warnings

TO = "route: [{destination: {host: a}}]"


def http(*matches: str) -> str:
    rules = "".join(f"- {{match: [{match}], {TO}}}\n" for match in matches)
    return f"hosts: [a]\nhttp:\n{rules}"


def prefix(path: str, rest: str = "") -> str:
    return f"{{uri: {{prefix: {path}}}{rest}}}"


def test_rules_that_differ_are_all_used() -> None:
    assert warnings("VirtualService", http(prefix("/a/b"), prefix("/a"))) == []


def test_a_second_rule_without_match_is_never_used() -> None:
    spec = f"hosts: [a]\nhttp: [{{{TO}}}, {{{TO}}}]"
    assert warnings("VirtualService", spec) == [
        "spec.http[1]: is never used: an earlier rule takes everything"
    ]


def test_a_match_that_stands_twice_is_never_used_whatever_it_is_called() -> None:
    spec = http(prefix("/a"), prefix("/a", ", name: other"))
    assert warnings("VirtualService", spec) == [
        "spec.http[1].match[0]: is never used: spec.http[0] matches the same",
        "spec.http[1]: is never used: earlier rules match the same",
    ]


def test_tcp_and_tls_rules_are_looked_at_too() -> None:
    spec = f"hosts: [a]\ntcp:\n- match: [{{port: 1}}, {{port: 1}}]\n  {TO}"
    assert warnings("VirtualService", spec) == [
        "spec.tcp[0].match[1]: is never used: spec.tcp[0] matches the same"
    ]


COVERED = "is never used: spec.http[0].match[0] matches prefix '/a'"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (prefix("/a"), prefix("/ab"), True),
        (prefix("/a"), prefix("/ab", ", method: {exact: GET}"), True),
        (prefix("/a"), prefix("/ab", ", method: {exact: PUT}"), False),
        (prefix("/a"), prefix("/ab", ", port: 80"), False),
        (prefix("/a"), prefix("/ab", ", headers: {x: {exact: z}}"), False),
        (prefix("/a"), "{uri: {exact: /ab}}", False),
        (prefix("/ab"), prefix("/a"), False),
    ],
)
def test_a_longer_prefix_behind_a_shorter_one_is_never_used(
    first: str, second: str, *, told: bool
) -> None:
    found = warnings("VirtualService", http(first, second))
    assert found == ([f"spec.http[1].match[0]: {COVERED}"] if told else [])
