from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.report.archive import (
    UnreadableReportError,
    read_report,
    write_report,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_report_is_read_as_it_was_written_and_is_its_owners_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "report.tgz"
    write_report(file, {"a/b.txt": b"one", "c.txt": b""}, NOW)
    assert read_report(file) == {"a/b.txt": b"one", "c.txt": b""}
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_no_report_is_named(tmp_path: Path) -> None:
    file = tmp_path / "report.tgz"
    with pytest.raises(UnreadableReportError, match=r"report\.tgz"):
        read_report(file)
    file.write_bytes(b"no archive")
    with pytest.raises(UnreadableReportError, match=r"report\.tgz"):
        read_report(file)
    write_report(file, {"a": b"one" * 1000}, NOW)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(UnreadableReportError, match=r"report\.tgz"):
        read_report(file)
