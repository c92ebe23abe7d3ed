from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from meltemi.config.foreign_bundle import foreign_bundle
from meltemi.config.key_sets import BadKeySetError
from meltemi.identity.certificate import certificate_pem
from meltemi.testkit.authority import authority, credential
from meltemi.testkit.bundles import FAR, bundle

PARTNER = authority("partner.example")
DER = PARTNER.certificate.public_bytes(Encoding.DER)
LEAF = credential().leaf.public_bytes(Encoding.DER)


def root(der: bytes = DER, **more: object) -> dict[str, Any]:
    text = base64.b64encode(der).decode()
    return {"use": "x509-svid", "kty": "EC", "x5c": [text], **more}


def document(*keys: object, **more: object) -> bytes:
    return json.dumps({"keys": keys, **more}).encode()


def test_the_bundle_that_a_citadel_publishes_is_read() -> None:
    found = foreign_bundle(bundle(PARTNER).encode(), known=FAR)
    assert found.roots == certificate_pem(PARTNER.certificate)
    assert (found.sequence, found.refresh_seconds) == (FAR, 300)


def test_what_a_bundle_need_not_say_it_need_not() -> None:
    found = foreign_bundle(document(root(), root(), {"use": "later"}), known=0)
    assert found.roots == certificate_pem(PARTNER.certificate)
    assert (found.sequence, found.refresh_seconds) == (0, 0)


@pytest.mark.parametrize(("hint", "taken"), [(1, 30), (60, 60), (10**9, 86_400)])
def test_how_soon_it_is_asked_again_stays_within_reason(hint: int, taken: int) -> None:
    found = foreign_bundle(document(root(), spiffe_refresh_hint=hint), known=0)
    assert found.refresh_seconds == taken


def test_an_older_bundle_is_not_taken_for_a_newer_one() -> None:
    with pytest.raises(BadKeySetError, match="plays back"):
        foreign_bundle(document(root(), spiffe_sequence=6), known=7)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"<html>", "not a SPIFFE bundle"),
        (b"[]", "not a SPIFFE bundle"),
        (b"{}", "not a key set"),
        (document(), "no root"),
        (document({"use": "jwt-svid", "kty": "EC"}), "no root"),
        (document(root(d="AQAB")), "private key"),
        (document(root(x5c=[])), "one certificate"),
        (document(root(x5c=["a", "b"])), "one certificate"),
        (document(root(x5c=["!"])), "no root"),
        (document(root(b"der")), "no root"),
        (document(root(LEAF)), "no authority"),
        (document(*[root()] * 101), "101 keys"),
        (document(root(), spiffe_sequence=-1), "no count"),
        (document(root(), spiffe_sequence=True), "no count"),
        (document(root(), spiffe_refresh_hint="soon"), "no count"),
    ],
)
def test_what_is_no_bundle_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(BadKeySetError, match=why):
        foreign_bundle(raw, known=0)
