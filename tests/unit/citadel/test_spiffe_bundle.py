from __future__ import annotations

import base64
from typing import Any

from cryptography import x509

from meltemi.citadel.spiffe_bundle import spiffe_bundle
from meltemi.citadel.token_key import TokenKey
from meltemi.identity.keys import new_key
from meltemi.testkit.authority import NOON, authority

KEY = TokenKey(new_key())


def test_a_bundle_holds_every_root_and_the_keys_of_tokens() -> None:
    roots = [authority(name).certificate for name in ("a", "b")]
    bundle: dict[str, Any] = spiffe_bundle(roots, [KEY.jwk])
    first, second, last = bundle["keys"]
    for key, root in ((first, roots[0]), (second, roots[1])):
        assert key["use"] == "x509-svid"
        assert (key["kty"], key["crv"]) == ("EC", "P-256")
        (der,) = key["x5c"]
        assert x509.load_der_x509_certificate(base64.b64decode(der)) == root
        assert "kid" not in key
    assert last["use"] == "jwt-svid"
    assert last["kid"] == KEY.id
    assert "alg" not in last
    assert bundle["spiffe_refresh_hint"] == 300


def test_the_sequence_grows_with_the_newest_root() -> None:
    old = spiffe_bundle([authority().certificate], [])
    assert old["spiffe_sequence"] == int(NOON.timestamp()) - 120
    assert spiffe_bundle([], [])["spiffe_sequence"] == 0
