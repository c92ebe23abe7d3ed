from __future__ import annotations

import os
from pathlib import Path

import pytest

from meltemi.ctl.inject import place


def test_a_token_is_for_the_proxy_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *who: given.update({path.name: who}))
    place.hand_over(tmp_path / "tokens" / "web.token", b"secret")
    owner = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    assert given == {"tokens": owner, "web.token": (1337, 1337)}
    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "tokens/web.token").stat().st_mode & 0o777 == 0o600


def test_who_cannot_give_it_away_keeps_the_folder_shut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    place.hand_over(tmp_path / "tokens" / "web.token", b"secret")
    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "tokens/web.token").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_others_read_gets_no_token_and_keeps_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    tmp_path.chmod(0o755)
    with pytest.raises(place.OpenFolderError, match="chmod 700"):
        place.hand_over(tmp_path / "web.token", b"secret")
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_the_folder_is_named_as_seen_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert place.named(Path("tokens"), "-") == "./tokens"
    assert place.named(Path("tokens"), "out/mesh.yaml") == "./../tokens"
    assert place.named(tmp_path / "out/t", "out/mesh.yaml") == "./t"
