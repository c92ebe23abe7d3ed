from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.runtime.sealing_file import (
    SealingFileError,
    load_sealing_key,
    read_sealing_key,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    first = load_sealing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_sealing_key(path) == read_sealing_key(path) == first


def test_a_file_that_is_open_broken_or_absent_is_named_and_never_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "secrets.key"
    with pytest.raises(SealingFileError, match="No such file"):
        read_sealing_key(path)
    load_sealing_key(path)
    path.chmod(0o640)
    with pytest.raises(SealingFileError, match="open to others"):
        load_sealing_key(path)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(SealingFileError, match="restore it from a backup"):
        load_sealing_key(path)
    assert path.read_text() == "short"
