"""Secrets are found in every form in which they could leave."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from meltemi.identity.keys import key_to_pem, new_key
from meltemi.testkit.authority import credential
from meltemi.testkit.leaks import LeakError, check_leaks, leaks
from meltemi.testkit.processes import Program, running

if TYPE_CHECKING:
    from pathlib import Path

KEY = new_key()
DER = serialization.Encoding.DER
FORMS = (
    serialization.PrivateFormat.PKCS8,
    serialization.PrivateFormat.TraditionalOpenSSL,
)
PLAIN = serialization.NoEncryption()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NUMBER = KEY.private_numbers().private_value.to_bytes(32, "big")
PART = (
    base64.urlsafe_b64encode(json.dumps({"alg": "ES256"}).encode()).decode().rstrip("=")
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("words", [bytes, base64.b64encode])
def test_an_ec_key_is_found_in_every_encoding(
    form: serialization.PrivateFormat, words: type[bytes]
) -> None:
    assert leaks(b"x=" + words(KEY.private_bytes(DER, form, PLAIN)))


@pytest.mark.parametrize(
    "text",
    [
        key_to_pem(KEY),
        base64.b64encode(RSA.private_bytes(DER, FORMS[0], PLAIN)).decode(),
        json.dumps({"d": base64.urlsafe_b64encode(NUMBER).decode().rstrip("=")}),
        f"Bearer {PART}.{PART}.{'s' * 86}",
        "X-Vault-Token: hvs." + "C" * 24,
    ],
    ids=["PEM", "RSA", "JWK", "JWT", "Vault"],
)
def test_keys_and_tokens_are_found(text: str) -> None:
    assert leaks(text.encode())


def test_what_is_public_is_not_taken_for_a_secret() -> None:
    held = credential()
    public = KEY.public_key().public_bytes(
        DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    texts = [held.chain_pem.encode(), public, base64.b64encode(public)]
    check_leaks({str(number): each for number, each in enumerate(texts)})


def test_a_secret_of_the_run_is_found_and_not_repeated() -> None:
    with pytest.raises(LeakError) as found:
        check_leaks({"the log": b"token: open-sesame"}, [b"open-sesame"])
    assert "the log" in str(found.value)
    assert "sesame" not in str(found.value)


def test_a_program_that_logs_a_key_fails_its_test(tmp_path: Path) -> None:
    log = tmp_path / "log"
    argv = [sys.executable, "-c", f"print({key_to_pem(KEY)!r})"]
    program = Program(argv, lambda: b"KEY" in log.read_bytes(), log)
    with pytest.raises(LeakError), running(program):
        pass
