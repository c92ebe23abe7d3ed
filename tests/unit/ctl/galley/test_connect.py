from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.galley.client import BadCredentialError, Galley
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.local.record import NoMeshError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVER", "TOKEN", "TOKEN_FILE", "CA", "CERT", "KEY"):
        monkeypatch.delenv(f"MELTEMI_{name}", raising=False)


def test_without_a_mesh_here_one_elsewhere_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoMeshError, match="--server or MELTEMI_SERVER"):
        connect(tmp_path)
    (tmp_path / "token").write_text("t\n")
    monkeypatch.setenv("MELTEMI_SERVER", "https://galley/")
    monkeypatch.setenv("MELTEMI_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("MELTEMI_CA", "roots.pem")
    assert connect(tmp_path) == Galley("https://galley", "t", "roots.pem")


@pytest.mark.parametrize(
    ("server", "token", "why"),
    [
        ("http://galley:80", "t", "would learn the token"),
        ("http://127.0.0.1.evil", "t", "would learn the token"),
        ("galley:80", "", "is not http"),
    ],
)
def test_a_token_does_not_travel_in_the_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, token: str, why: str
) -> None:
    monkeypatch.setenv("MELTEMI_SERVER", server)
    monkeypatch.setenv("MELTEMI_TOKEN", token)
    with pytest.raises(BadCredentialError, match=why):
        connect(tmp_path)


def test_on_this_machine_plain_text_is_no_risk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELTEMI_TOKEN", "t")
    for server in ("http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"):
        monkeypatch.setenv("MELTEMI_SERVER", server)
        assert connect(tmp_path) == Galley(server, "t")


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELTEMI_SERVER", "https://galley")
    monkeypatch.setenv("MELTEMI_TOKEN_FILE", str(tmp_path / "absent"))
    with pytest.raises(BadCredentialError, match="absent"):
        connect(tmp_path)
    with pytest.raises(BadCredentialError, match="missing"):
        Galley("https://127.0.0.1:1", ca=str(tmp_path / "missing")).get("/apis")
