from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from meltemi.config.key_sets import KeySource
from meltemi.pilot.trace import Answer, Http, Problem
from meltemi.pilot.translate.listener.chain_policies import http_chain
from meltemi.pilot.translate.request_authentication import (
    NOBODYS_KEYS,
)
from meltemi.testkit.policies import KEYS, asked, bearer, headed, held_by, judged

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER = "https://id.example"


def text(*rules: str) -> str:
    listed = ", ".join(f"{{{each}}}" for each in rules)
    return f"""
    ---
    apiVersion: security.istio.io/v1
    kind: RequestAuthentication
    metadata: {{name: tokens}}
    spec: {{jwtRules: [{listed}]}}
    """


def rule(issuer: str = ISSUER, extra: str = "") -> str:
    return f"issuer: {issuer}, jwks: '{KEYS}'{extra}"


def answer(
    policies: str, headers: Mapping[str, str] | None = None, now: float | None = None
) -> Answer:
    call = replace(asked("/", headers=headers), now=now)
    return judged(held_by(policies), call)


def test_a_request_without_a_token_passes_and_one_with_a_wrong_token_does_not() -> None:
    assert answer(text(rule())).problem is None
    right = answer(text(rule()), bearer(iss=ISSUER))
    assert right.problem is None
    assert right.verdicts[0].why == f"a token of {ISSUER!r}"
    wrong = answer(text(rule()), bearer(iss="https://evil.example"))
    assert wrong.problem is Problem.DENIED
    assert (
        "'https://evil.example' is there, 'https://id.example'" in wrong.verdicts[0].why
    )
    assert answer(text(rule()), {"authorization": "Bearer x"}).problem is Problem.DENIED
    assert (
        answer(text(rule()), {"authorization": "Bearer a.%.c"}).problem
        is Problem.DENIED
    )


def test_a_token_of_any_issuer_passes_where_there_are_several() -> None:
    both = text(rule(), rule("https://other.example"))
    for issuer in (ISSUER, "https://other.example"):
        assert answer(both, bearer(iss=issuer)).problem is None
    assert answer(both).problem is None
    assert answer(both, bearer(iss="third")).problem is Problem.DENIED


def test_a_wrong_audience_is_forbidden_and_all_else_is_not_authorized() -> None:
    meant = text(rule(extra=", audiences: [shop]"), rule("https://other.example"))
    past = 1_000_000_000

    def status(**claims: object) -> int:
        return answer(meant, bearer(**claims), now=2.0 * past).verdicts[0].status

    assert status(iss=ISSUER, aud="bank") == HTTPStatus.FORBIDDEN
    assert status(iss=ISSUER, aud="shop", exp=past) == HTTPStatus.UNAUTHORIZED
    assert status(iss="third") == HTTPStatus.UNAUTHORIZED
    assert status(iss=ISSUER, aud="shop") == 0
    garbled = answer(meant, {"authorization": "Bearer x"})
    assert garbled.verdicts[0].status == HTTPStatus.UNAUTHORIZED


def test_a_token_must_be_meant_for_an_audience_that_is_named() -> None:
    named = text(rule(extra=", audiences: [a, b]"))
    assert answer(named, bearer(iss=ISSUER, aud=["b"])).problem is None
    assert answer(named, bearer(iss=ISSUER, aud="c")).problem is Problem.DENIED
    assert answer(named, bearer(iss=ISSUER)).problem is Problem.DENIED


def test_a_token_expires_a_minute_late() -> None:
    token = bearer(iss=ISSUER, exp=100)
    assert answer(text(rule()), token, 160).problem is None
    assert answer(text(rule()), token, 161).problem is Problem.DENIED
    assert answer(text(rule()), token).problem is None


@pytest.mark.parametrize(
    ("place", "request_"),
    [
        (", fromHeaders: [{name: x-token}]", Http("web", headers=(("x-token", "WRONG"),))),
        (", fromHeaders: [{name: x-token, prefix: 'T '}]", Http("web", headers=(("x-token", "T WRONG"),))),
        (", fromParams: [t]", Http("web", "/?t=WRONG")),
        (", fromCookies: [t]", Http("web", headers=(("cookie", "a=b; t=WRONG"),))),
        ("", Http("web", "/?access_token=WRONG")),
    ],
)  # fmt: skip
def test_tokens_are_looked_for_where_the_rule_says(place: str, request_: Http) -> None:
    mesh = held_by(text(rule(extra=place)))
    call = replace(asked(), http=request_)
    assert judged(mesh, call).problem is Problem.DENIED
    elsewhere = replace(asked(), http=Http("web", "/?other=WRONG"))
    assert judged(mesh, elsewhere).problem is None


def test_a_preflight_needs_no_token() -> None:
    wrong = {"authorization": "Bearer x", "origin": "a"}
    preflight = wrong | {"access-control-request-method": "PUT"}
    mesh = held_by(text(rule()))
    assert judged(mesh, asked(method="OPTIONS", headers=preflight)).problem is None
    plain = asked(method="OPTIONS", headers=wrong)
    assert judged(mesh, plain).problem is Problem.DENIED


def test_every_setting_of_a_rule_reaches_the_filter() -> None:
    extra = (
        ", forwardOriginalToken: true, outputPayloadToHeader: x-payload,"
        " outputClaimToHeaders: [{header: x-sub, claim: sub}],"
        " spaceDelimitedClaims: [roles]"
    )
    (made,) = http_chain(held_by(text(rule(extra=extra))), gateway=True).tokens
    (issuer,) = made.issuers
    assert made.clear_route_cache
    assert issuer.forward
    assert issuer.payload_header == "x-payload"
    assert issuer.claim_headers == (("x-sub", "sub"),)
    assert issuer.lists == ("permission", "roles", "scope")


def test_issuers_stand_in_the_order_of_their_names() -> None:
    (made,) = http_chain(held_by(text(rule("https://b"), rule("https://a")))).tokens
    assert [each.issuer for each in made.issuers] == ["https://a", "https://b"]


def test_fetched_keys_are_used_and_missing_ones_are_nobodys() -> None:
    remote = text("issuer: https://b, jwksUri: https://b/keys")
    source = KeySource("https://b", "https://b/keys")
    (made,) = http_chain(held_by(remote, keys={source: KEYS})).tokens
    assert made.issuers[0].keys == KEYS
    useless = '{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}'
    (made,) = http_chain(held_by(remote, keys={source: useless})).tokens
    assert made.issuers[0].keys == NOBODYS_KEYS, "Envoy would refuse the listener"
    (made,) = http_chain(held_by(remote)).tokens
    assert made.issuers[0].keys == NOBODYS_KEYS


def test_nobodys_key_is_public_only() -> None:
    (key,) = json.loads(NOBODYS_KEYS)["keys"]
    assert key.keys() == {"kty", "kid", "use", "alg", "e", "n"}


def test_without_rules_there_is_no_filter() -> None:
    assert http_chain(held_by(text())).tokens == ()


def test_a_token_no_key_can_have_signed_does_not_pass() -> None:
    remote = text("issuer: https://id.example, jwksUri: https://id.example/keys")
    unknown = answer(remote, bearer(iss=ISSUER))
    assert unknown.problem is None  # nothing in it says which key
    named = answer(remote, headed({"kid": "k", "alg": "ES256"}, iss=ISSUER))
    assert named.problem is Problem.DENIED
    assert named.verdicts[0].why == (
        "no key of the issuer fits the token (kid k, alg ES256)"
    )
    fitting = headed({"kid": "k", "alg": "ES256"}, iss=ISSUER)
    assert answer(text(rule()), fitting).problem is None


def test_a_key_without_a_set_gets_one_and_a_set_without_keys_is_nobodys() -> None:
    single = json.dumps(json.loads(KEYS)["keys"][0])
    (made,) = http_chain(held_by(text(f"issuer: a, jwks: '{single}'"))).tokens
    assert json.loads(made.issuers[0].keys) == json.loads(KEYS)
    (made,) = http_chain(held_by(text("issuer: a, jwks: '{\"keys\":[]}'"))).tokens
    assert made.issuers[0].keys == NOBODYS_KEYS
