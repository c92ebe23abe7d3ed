from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from meltemi.identity.sealed import SealingKey
from meltemi.identity.tls_secret import (
    InvalidSecretError,
    TlsSecret,
    checked_secret,
    kept_secret,
    sealed_secret,
)
from meltemi.testkit.web_certificates import (
    DAY,
    NOW,
    key_pem,
    under,
    web_certificate,
    web_root,
)

KEY = SealingKey(b"k" * 32)
MIDDLE = under(web_root(), "middle")
SHOWN = web_certificate("a.example", "b.example", signer=MIDDLE)
GOOD = TlsSecret(SHOWN.pem + MIDDLE.pem, SHOWN.key_pem)


def why(secret: TlsSecret) -> str:
    with pytest.raises(InvalidSecretError) as caught:
        checked_secret(secret, now=NOW)
    return str(caught.value)


def test_a_certificate_with_its_key_and_chain_is_taken() -> None:
    assert checked_secret(GOOD, now=NOW) == GOOD


def test_case_45_line_ends_and_words_around_are_dropped() -> None:
    dressed = TlsSecret(
        "Bag Attributes\r\n" + GOOD.chain.replace("\n", "\r\n"),
        GOOD.key.replace("\n", "\r\n"),
        web_root().pem.replace("\n", "\r\n"),
        ("b", "a", "a"),
    )
    made = checked_secret(dressed, now=NOW)
    assert (made.chain, made.key) == (GOOD.chain, GOOD.key)
    assert made.roots == web_root().pem
    assert made.allowed == ("a", "b")


def test_case_45_what_no_gateway_could_serve_is_refused() -> None:
    old = web_certificate("a.example", until=NOW - DAY / 2)
    other = web_certificate("a.example")
    assert "expired" in why(TlsSecret(old.pem, old.key_pem))
    assert "not that of the first" in why(replace(GOOD, key=other.key_pem))
    assert "did not sign" in why(replace(GOOD, chain=SHOWN.pem + web_root().pem))
    three = "".join(web_certificate("a.example").pem for _ in range(2))
    assert "did not sign" in why(TlsSecret(SHOWN.pem + three, SHOWN.key_pem))
    assert "encrypted" in why(replace(GOOD, key=key_pem(SHOWN.key, b"secret")))
    assert "not a readable" in why(replace(GOOD, key="rubbish"))
    assert "no readable" in why(replace(GOOD, chain="rubbish"))
    assert "ca: no readable" in why(replace(GOOD, roots="rubbish"))
    assert "at most" in why(replace(GOOD, chain=SHOWN.pem * 200))
    assert "at most 10 are served" in why(replace(GOOD, chain=SHOWN.pem * 11))
    assert "at most" in why(replace(GOOD, key="a" * 20_000))
    with pytest.raises(InvalidSecretError, match="begins at"):
        checked_secret(GOOD, now=NOW - 2 * DAY)


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - it is the weak one
        ec.generate_private_key(ec.SECP256K1()),
    ],
)
def test_case_45_a_key_that_envoy_does_not_serve_is_named(
    key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    assert "Envoy serves no" in why(replace(GOOD, key=key_pem(key)))


def test_a_kept_secret_shows_what_it_is_and_not_what_is_in_it() -> None:
    kept = sealed_secret(GOOD, "istio-system", "web", KEY)
    assert kept_secret(kept.encoded()) == kept
    assert kept.opened(KEY) == GOOD
    assert kept.names == ("a.example", "b.example")
    body = GOOD.key.splitlines()[1]
    for text in (kept.encoded().decode(), str(kept.shown()), repr(kept), repr(GOOD)):
        assert body not in text
        assert "PRIVATE" not in text
    assert "sealed" not in kept.shown()
    assert kept_secret(b"rubbish") is None
