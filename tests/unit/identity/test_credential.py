from __future__ import annotations

import pytest

from meltemi.identity.certificate import InvalidCertificateError
from meltemi.identity.credential import Credential
from meltemi.identity.keys import key_from_pem, new_key, public_der
from meltemi.testkit.authority import NOON, RATINGS, REVIEWS, credential


def test_an_answer_is_a_chain_and_the_roots_in_its_last_text() -> None:
    held = credential()
    again = Credential.from_answer(held.key, (held.chain_pem, held.roots_pem))
    again.check(REVIEWS, now=NOON)
    assert again == held


def test_an_answer_without_roots_is_refused() -> None:
    held = credential()
    with pytest.raises(InvalidCertificateError, match="1 texts"):
        Credential.from_answer(held.key, (held.chain_pem,))


def test_a_certificate_for_another_key_is_refused() -> None:
    held = credential()
    swapped = Credential(new_key(), held.chain, held.roots)
    with pytest.raises(InvalidCertificateError, match="another key"):
        swapped.check(REVIEWS, now=NOON)


def test_a_certificate_of_another_workload_is_refused() -> None:
    with pytest.raises(InvalidCertificateError, match=f"expected {REVIEWS}"):
        credential(RATINGS).check(REVIEWS, now=NOON)


def test_a_key_survives_its_pem() -> None:
    held = credential()
    assert public_der(key_from_pem(held.key_pem)) == public_der(held.key)


def test_a_key_that_is_no_key_is_refused() -> None:
    with pytest.raises(InvalidCertificateError, match="private key"):
        key_from_pem("nonsense")


def test_a_credential_prints_no_key() -> None:
    held = credential()
    assert "PRIVATE" not in repr(held)
