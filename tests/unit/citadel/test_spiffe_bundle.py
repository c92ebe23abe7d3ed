from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509

from meltemi.citadel.key_ring import Ring, StoredRing
from meltemi.citadel.spiffe_bundle import spiffe_bundle
from meltemi.citadel.token_key import TokenKey
from meltemi.identity.keys import new_key
from meltemi.testkit.authority import NOON, authority

if TYPE_CHECKING:
    from datetime import datetime

KEY = TokenKey(new_key())


def ring(changed: datetime) -> Ring:
    return Ring(StoredRing(changed, ()), (KEY,))


def test_a_bundle_holds_every_root_and_the_keys_of_jwt_svids() -> None:
    roots = [authority(name).certificate for name in ("a", "b")]
    bundle: dict[str, Any] = spiffe_bundle(roots, ring(NOON), 300)
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


def test_the_sequence_grows_with_the_newest_root_and_with_every_change_of_keys() -> (
    None
):
    roots = [authority().certificate]
    old = spiffe_bundle(roots, ring(NOON - timedelta(hours=1)), 300)
    assert old["spiffe_sequence"] == int(NOON.timestamp()) - 120
    new = spiffe_bundle(roots, ring(NOON), 300)
    assert new["spiffe_sequence"] == int(NOON.timestamp())
