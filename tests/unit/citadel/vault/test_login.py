from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.vault.call import Answer
from meltemi.citadel.vault.login import (
    AppRole,
    CertificateLogin,
    JwtLogin,
    LoginRefusedError,
    Session,
    renewal_wait,
    session_of,
)

if TYPE_CHECKING:
    from pathlib import Path

HOUR = Session("token", 3600, renewable=True, since=1000)


@pytest.mark.parametrize(("draw", "due"), [(0.5, 2400), (0.0, 2160), (1.0, 2640)])
def test_a_login_is_renewed_at_two_thirds_give_or_take_a_tenth(
    draw: float, due: float
) -> None:
    wait = renewal_wait(HOUR, now=1000, draw=draw)
    assert wait == pytest.approx(due)
    assert renewal_wait(HOUR, now=1000 + due + 1, draw=draw) == 0


def test_a_token_without_an_end_is_never_renewed() -> None:
    forever = Session("token", 0, renewable=False, since=0)
    assert renewal_wait(forever, now=0, draw=0.5) is None


def test_a_token_is_never_printed() -> None:
    auth = {"client_token": "hvs.SECRET", "lease_duration": 60, "renewable": True}
    answer = Answer(200, {"auth": auth})
    session = session_of(answer, since=0)
    assert session.token == "hvs.SECRET"  # noqa: S105 - nobody's
    assert "SECRET" not in f"{session!r} {answer!r}"


@pytest.mark.parametrize("document", [None, {}, {"auth": None}, {"auth": {"x": 1}}])
def test_an_answer_without_a_token_is_no_login(document: object) -> None:
    with pytest.raises(LoginRefusedError, match="no token"):
        session_of(Answer(200, document), since=0)


def test_each_way_to_log_in_says_what_vault_wants_to_hear(tmp_path: Path) -> None:
    for name in ("role", "secret", "jwt"):
        (tmp_path / name).write_text(f" {name}-text\n")
    approle = AppRole(tmp_path / "role", tmp_path / "secret").call()
    assert approle.path == "auth/approle/login"
    assert approle.fields == {"role_id": "role-text", "secret_id": "secret-text"}
    jwt = JwtLogin("citadel", tmp_path / "jwt", "oidc").call()
    assert jwt.path == "auth/oidc/login"
    assert jwt.fields == {"role": "citadel", "jwt": "jwt-text"}
    assert CertificateLogin("citadel").call().fields == {"name": "citadel"}


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"x" * 70_000])
def test_a_file_that_holds_no_secret_is_told_by_its_name(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(LoginRefusedError, match="secret"):
        JwtLogin("citadel", tmp_path / "secret").call()
    with pytest.raises(LoginRefusedError, match="away"):
        JwtLogin("citadel", tmp_path / "away").call()
