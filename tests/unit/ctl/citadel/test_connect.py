from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.citadel.connect import citadel
from meltemi.ctl.galley.client import BadCredentialError, Galley
from meltemi.ctl.local.record import NoMeshError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CITADEL", "TOKEN", "TOKEN_FILE", "CA", "CERT", "KEY"):
        monkeypatch.delenv(f"MELTEMI_{name}", raising=False)


def test_without_a_mesh_here_a_citadel_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoMeshError):
        citadel(tmp_path)
    (tmp_path / "token").write_text("t\n")
    monkeypatch.setenv("MELTEMI_CITADEL", "http://127.0.0.1:15016/")
    monkeypatch.setenv("MELTEMI_TOKEN_FILE", str(tmp_path / "token"))
    assert citadel(tmp_path) == Galley("http://127.0.0.1:15016", "t")


def test_what_opens_citadel_does_not_travel_in_the_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELTEMI_CITADEL", "http://citadel:15016")
    monkeypatch.setenv("MELTEMI_TOKEN", "t")
    with pytest.raises(BadCredentialError, match="would learn the token"):
        citadel(tmp_path)
