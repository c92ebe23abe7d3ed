from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.bootstrap import refused_by_envoy
from meltemi.testkit.golden import (
    BASE,
    CASES,
    difference,
    held,
    held_at_base,
    objects,
    proxies,
    spelled,
)

if TYPE_CHECKING:
    from pathlib import Path


def called(case: Path) -> str:
    return f"{case.parent.name}/{case.name}"


def made(case: Path) -> dict[str, str]:
    """Return the difference that a case makes, for each proxy it touches."""
    found = {
        name: difference(held_at_base(name), held(objects(case), name))
        for name in proxies()
    }
    return {name: text for name, text in found.items() if text}


@pytest.mark.parametrize("name", proxies())
def test_a_proxy_of_the_base_holds_what_was_reviewed(
    name: str, *, rewriting: bool
) -> None:
    found = spelled(held_at_base(name))
    file = BASE / f"{name}.yaml"
    if rewriting:
        file.write_text(found)
    assert file.read_text() == found


@pytest.mark.parametrize("case", CASES, ids=called)
def test_objects_change_what_was_reviewed_and_nothing_else(
    case: Path, *, rewriting: bool
) -> None:
    found = made(case)
    if rewriting:
        for old in case.glob("*.diff"):
            old.unlink()
        for name, text in found.items():
            (case / f"{name}.diff").write_text(text)
    assert {file.stem: file.read_text() for file in case.glob("*.diff")} == found


@pytest.mark.parametrize("case", CASES, ids=called)
def test_a_case_shows_something(case: Path) -> None:
    assert list(case.glob("*.diff"))


@pytest.mark.parametrize("name", proxies())
def test_envoy_accepts_the_base(name: str, tmp_path: Path) -> None:
    assert not refused_by_envoy(held_at_base(name), tmp_path, deprecated=True)


@pytest.mark.parametrize("case", CASES, ids=called)
def test_envoy_accepts_what_is_made(case: Path, tmp_path: Path) -> None:
    for file in sorted(case.glob("*.diff")):
        snapshot = held(objects(case), file.stem)
        assert not refused_by_envoy(snapshot, tmp_path, deprecated=True), file
