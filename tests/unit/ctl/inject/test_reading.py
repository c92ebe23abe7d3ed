from __future__ import annotations

import os
from typing import TYPE_CHECKING

from meltemi.ctl.inject.reading import write_out

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_root_makes_is_its_whose_the_folder_is_and_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *who: given.append((path.name, *who)))
    (tmp_path / "there").touch()
    for name in ("there", "new"):
        write_out(str(tmp_path / name), "text")
    assert given == [("new", tmp_path.stat().st_uid, tmp_path.stat().st_gid)]


def test_who_is_not_root_gives_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delattr(os, "chown")
    write_out(str(tmp_path / "new"), "text")
    assert (tmp_path / "new").read_text() == "text"
