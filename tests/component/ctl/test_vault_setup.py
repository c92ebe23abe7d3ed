"""``meltemi vault setup`` on a real Vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.vault.call import Fields, data_of
from meltemi.ctl.main import execute
from meltemi.testkit.vault import vault_server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vault


def test_a_vault_is_set_up_once_and_then_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    with vault_server() as vault:
        token.write_text(vault.token)
        words = ["vault", "setup", "--address", vault.url, "--token-file", str(token)]
        words += ["--credentials", str(tmp_path / "login")]
        assert execute(words) == 0
        first = capsys.readouterr().out
        root = data_of(vault.ask("get", "pki/cert/ca"))
        assert execute(words) == 0
        second = capsys.readouterr().out
        assert data_of(vault.ask("get", "pki/cert/ca")) == root
    assert "made  root certificate" in first
    assert "made" not in second
    secret = (tmp_path / "login" / "secret-id").read_text().strip()
    assert secret
    assert secret not in first + second
    assert vault.token not in first + second


def test_an_issuer_keeps_what_its_owner_has_set(tmp_path: Path) -> None:
    with vault_server() as vault:
        vault.ask("post", "sys/mounts/pki", {"type": "pki"})
        vault.ask("post", "pki/root/generate/internal", {"common_name": "Ours"})
        fields: Fields = {
            "issuer_name": "ours",
            "ocsp_servers": ["http://ocsp.example"],
        }
        assert vault.ask("post", "pki/issuer/default", fields).ok
        vault.set_up(tmp_path)
        found = data_of(vault.ask("get", "pki/issuer/default"))
    assert fields.items() <= found.items()
    assert found["leaf_not_after_behavior"] == "truncate"


def test_a_sealed_vault_and_a_wrong_token_are_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    with vault_server() as vault:
        words = ["vault", "setup", "--address", vault.url, "--token-file", str(token)]
        token.write_text("hvs.wrong")
        assert execute(words) == 65
        assert "operator" in capsys.readouterr().err
        token.write_text(vault.token)
        vault.seal()
        assert execute(words) == 65
        assert "503" in capsys.readouterr().err
