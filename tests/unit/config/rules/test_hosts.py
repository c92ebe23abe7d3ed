from __future__ import annotations

import pytest

from meltemi.config.rules.hosts import check_export_to, is_fqdn, is_wildcard_host


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("a", True),
        ("a.b-c.D", True),
        ("a.b.", True),
        ("1.a", True),
        ("a.1", False),
        ("1.2.3.4", False),
        ("a_b", False),
        ("a..b", False),
        ("", False),
        ("*.a", False),
        ("a" * 64, False),
        (".".join(["a"] * 129), False),
    ],
)
def test_a_name_is_made_of_labels_and_ends_in_a_letter(
    host: str, *, right: bool
) -> None:
    assert is_fqdn(host) is right


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("*", True),
        ("*.a.b", True),
        ("*a.b", True),
        ("*-a.b", True),
        ("a.b", True),
        ("a", True),
        ("a.*.b", False),
        ("a*.b", False),
        ("*.1", False),
        ("**.a", False),
        ("", False),
    ],
)
def test_a_wildcard_stands_at_the_beginning(host: str, *, right: bool) -> None:
    assert is_wildcard_host(host) is right


@pytest.mark.parametrize(
    ("scopes", "nobody", "count"),
    [
        ((".", "other"), False, 0),
        (("*",), False, 0),
        (("~",), True, 0),
        (("~",), False, 1),
        (("*", "a"), False, 1),
        (("~", "a"), True, 1),
        (("a", "a"), False, 1),
        ((".", "home"), False, 1),
        (("a b",), False, 1),
    ],
)
def test_export_names_each_namespace_once(
    scopes: tuple[str, ...], *, nobody: bool, count: int
) -> None:
    found = list(check_export_to("e", scopes, "home", nobody=nobody))
    assert len(found) == count
