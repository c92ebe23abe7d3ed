from __future__ import annotations

import pytest
import typer

from meltemi.ctl.galley.token import scope_of, scope_text, seconds


def test_a_scope_is_verbs_namespaces_and_kinds() -> None:
    assert scope_of("read,write:a,b") == {
        "verbs": ["read", "write"],
        "namespaces": ["a", "b"],
        "kinds": ["*"],
    }
    text = "create:istio-system:EnvoyFilter,vs"
    assert scope_text(scope_of(text)) == text


@pytest.mark.parametrize("text", ["", "read", "read:", ":a", "read:a:", "a:b:c:d"])
def test_half_a_scope_is_none(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="VERBS:NAMESPACES"):
        scope_of(text)


def test_times_have_units() -> None:
    assert [seconds(text) for text in ("600", "10m", "12h", "90d", "5s")] == [
        600,
        600,
        43_200,
        7_776_000,
        5,
    ]


@pytest.mark.parametrize("text", ["", "0", "-1", "d", "1w", "1.5h", "٣"])
def test_no_time_is_told(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time"):
        seconds(text)
