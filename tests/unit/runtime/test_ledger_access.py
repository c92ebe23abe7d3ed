from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from meltemi.runtime.ledger_access import LedgerAccess, LedgerFileError
from meltemi.runtime.settings import Address
from meltemi.testkit.authority import credential, write_credential

if TYPE_CHECKING:
    from pathlib import Path

THERE = (Address("127.0.0.1", 2379),)


def test_without_settings_etcd_is_entered_as_nobody() -> None:
    made = LedgerAccess().ledger(THERE)
    assert (made._connection._login, made._connection._tls) == (None, None)


async def test_a_user_and_certificates_come_from_files(tmp_path: Path) -> None:
    shown = credential()
    chain, key = write_credential(tmp_path, "own", shown)
    roots, word = tmp_path / "roots.pem", tmp_path / "word"
    roots.write_text(shown.roots_pem)
    word.write_text("open sesame\n")
    made = LedgerAccess(
        etcd_user="pilot",
        etcd_password_file=word,
        etcd_root_cert_file=roots,
        etcd_cert_file=chain,
        etcd_key_file=key,
    ).ledger(THERE)
    login, tls = made._connection._login, made._connection._tls
    assert login
    assert (login.user, login.password) == ("pilot", "open sesame")
    assert "open sesame" not in repr(login)
    assert tls
    assert tls.key == key.read_bytes()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"etcd_user": "a"}, "etcd_password_file"),
        ({"etcd_password_file": "/x"}, "etcd_user"),
        ({"etcd_root_cert_file": "/x", "etcd_cert_file": "/x"}, "etcd_key_file"),
        ({"etcd_cert_file": "/x", "etcd_key_file": "/x"}, "etcd_root_cert_file"),
    ],
)
def test_half_of_what_is_needed_is_refused(given: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        LedgerAccess.model_validate(given)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    access = LedgerAccess(etcd_user="a", etcd_password_file=tmp_path / "none")
    with pytest.raises(LedgerFileError, match="none"):
        access.ledger(THERE)
