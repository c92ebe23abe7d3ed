from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from meltemi.citadel.csr import InvalidRequestError, check_request
from meltemi.identity.keys import new_key
from meltemi.kernel.identity import TrustDomains
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.odd_requests import GOOD, LIES, SAME, der, pem, signed, uri

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("lie", "reason"), LIES.values(), ids=LIES)
def test_a_request_that_lies_is_refused_with_the_reason(
    lie: Callable[[], str], reason: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_request(lie(), REVIEWS)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "P-384", "RSA-2048"],
)
def test_an_allowed_key_is_taken_from_the_request(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
) -> None:
    checked = check_request(signed(key, uri(SAME)), REVIEWS)
    assert checked.public_key == key.public_key()


def test_a_request_without_names_is_granted_the_callers() -> None:
    assert check_request(signed(new_key()), REVIEWS)


def test_a_request_may_name_the_caller_in_any_trust_domain_of_the_mesh() -> None:
    spellings = TrustDomains("new.example", ("cluster.local",)).spellings(REVIEWS)
    new, old = spellings
    assert str(new) == "spiffe://new.example/ns/default/sa/bookinfo-reviews"
    for each in spellings:
        named = signed(new_key(), uri(str(each)))
        assert check_request(named, *spellings).identity == each
    assert check_request(signed(new_key()), *spellings).identity == new
    with pytest.raises(InvalidRequestError, match="SAN must be exactly"):
        check_request(signed(new_key(), uri(str(old))), new)


def test_other_extensions_are_left_behind_not_refused() -> None:
    assert check_request(signed(new_key(), uri(SAME), ca=True), REVIEWS)


def answer(text: str) -> str:
    """Return what becomes of a request: nothing but a key or a refusal may."""
    try:
        check_request(text, REVIEWS)
    except InvalidRequestError as error:
        return str(error)
    return "granted"


@given(st.text(max_size=400) | st.binary(max_size=400).map(pem))
def test_whatever_is_no_request_is_refused_and_nothing_else_happens(text: str) -> None:
    assert answer(text) != "granted"


@given(st.integers(0, len(der(GOOD)) - 1), st.integers(1, 255))
def test_a_request_with_one_byte_changed_is_never_granted(
    position: int, change: int
) -> None:
    raw = bytearray(der(GOOD))
    raw[position] ^= change
    assert answer(pem(bytes(raw))) != "granted"


@given(st.text("spiffe:/.%2e?#@A-z0 \0\u0430", max_size=60))
def test_no_name_but_the_callers_own_is_granted(name: str) -> None:
    own = str(REVIEWS)
    for lie in (own + name, name + own, name):
        try:
            text = signed(KEY, uri(lie))
        except ValueError:
            continue  # not to be had in a certificate at all
        assert (answer(text) == "granted") == (lie == own)


KEY = new_key()
