from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.local.record import (
    Record,
    Running,
    UnreadableStateError,
    read_record,
    write_private,
    write_record,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    record = Record("e1", demo=True, ports={"etcd": 1}, parts={"etcd": Running(7, 1.5)})

    write_record(tmp_path, record)

    assert read_record(tmp_path) == record
    assert read_record(tmp_path / "elsewhere") is None


def test_a_damaged_record_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "mesh.json").write_text("{")

    with pytest.raises(UnreadableStateError, match=r"mesh\.json.*remove the file"):
        read_record(tmp_path)


def test_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    write_private(tmp_path / "new" / "token", b"a")
    write_private(tmp_path / "new" / "token", b"b")

    assert (tmp_path / "new" / "token").read_bytes() == b"b"
    assert (tmp_path / "new" / "token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
