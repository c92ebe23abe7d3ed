from __future__ import annotations

import json

import pytest

from meltemi.config.key_sets import (
    BadKeySetError,
    KeptKeys,
    KeySource,
    discovered,
    kept_keys,
    keys_place,
    public_keys,
)
from meltemi.testkit.policies import KEYS

(KEY,) = json.loads(KEYS)["keys"]
RSA = {"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}


def document(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_equal_sets_have_one_spelling_without_what_is_not_needed() -> None:
    more = {**KEY, "x5c": ["MII"], "issuer": "x"}
    assert public_keys(document(RSA, more)) == public_keys(document(KEY, RSA))
    assert json.loads(public_keys(document(KEY))) == {"keys": [KEY]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"<html>log in</html>", "is not a key set"),
        (b"{}", "is not a key set"),
        (b"[]", "is not a key set"),
        (b'{"keys":{}}', "is not a key set"),
        (b'{"keys":[]}', "no key of a known type"),
        (b'{"keys":[1]}', "not an object"),
        (b'{"keys":[],"keys":[]}', "is not a key set"),
        (b"\xff", "is not a key set"),
        (document(KEY, {**RSA, "d": "AQAB"}), "holds a private key"),
        (document(KEY, {"kty": "oct", "k": "c2VjcmV0"}), "holds a private key"),
        (document(KEY, {**RSA, "p": "AQAB"}), "holds a private key"),
        (document(KEY, KEY), "names two keys"),
        (
            document(*({**RSA, "kid": str(each)} for each in range(101))),
            "101 keys",
        ),
        (document({"kty": "new", "kid": "a"}), "no key of a known type"),
    ],
)
def test_case_46_what_is_no_set_of_public_keys_is_refused(
    text: bytes, why: str
) -> None:
    with pytest.raises(BadKeySetError, match=why):
        public_keys(text)


def test_a_key_of_an_unknown_type_or_without_its_parts_is_passed_over() -> None:
    odd = ({"kty": "new"}, {"kty": "RSA", "kid": "half", "n": "AQAB"})
    assert public_keys(document(*odd, KEY)) == public_keys(document(KEY))


def test_two_keys_without_a_name_are_two() -> None:
    other = {"kty": "RSA", "n": "AQAC", "e": "AQAB"}
    bare = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
    assert len(json.loads(public_keys(document(bare, other)))["keys"]) == 2


def test_discovery_believes_only_the_issuer_that_was_asked() -> None:
    good = b'{"issuer":"https://id.example","jwks_uri":"https://id.example/keys"}'
    assert discovered(good, "https://id.example") == "https://id.example/keys"
    with pytest.raises(BadKeySetError, match="not of 'https://other'"):
        discovered(good, "https://other")
    with pytest.raises(BadKeySetError, match="names no jwks_uri"):
        discovered(b'{"issuer":"a"}', "a")
    with pytest.raises(BadKeySetError, match="not an OpenID configuration"):
        discovered(b"<html>", "a")


def test_what_is_stored_comes_back_and_what_is_not_ours_is_nothing() -> None:
    kept = KeptKeys(issuer="a", uri="b", keys=KEYS, fetched="c", failures=2)
    assert kept_keys(kept.encoded()) == kept
    assert kept.source == KeySource("a", "b")
    assert kept_keys(b"rubbish") is None


def test_every_source_has_a_place_of_its_own() -> None:
    places = {
        keys_place("m", KeySource(issuer, uri))
        for issuer, uri in (("a", ""), ("a", "b"), ("", "b"), ("", "a\nb"))
    }
    assert len(places) == 4
    assert all(each.startswith("/mesh/runtime/v1/m/keys/") for each in places)
