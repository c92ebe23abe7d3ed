from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from meltemi.runtime.durable import PUBLIC, create_file, replace_file

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "key"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path], "nothing temporary is left"


def test_a_file_that_exists_is_not_created_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_file(path, b"first", mode=PUBLIC)
    create_file(path, b"second", mode=PUBLIC)
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_target_that_refuses_keeps_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(path, b"x")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_written_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "key", list[tuple[bool, bool]]()
    sync = os.fsync

    def noted(handle: int) -> None:
        seen.append((stat.S_ISREG(os.fstat(handle).st_mode), path.exists()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    replace_file(path, b"one")
    assert seen == [(True, False), (False, True)], "the file, its name, then the folder"
