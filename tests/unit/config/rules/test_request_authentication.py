from __future__ import annotations

import json

import pytest

from meltemi.testkit.configuration import problems

KIND = "RequestAuthentication"
KEY = {"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}


def rule(text: str) -> str:
    return f"jwtRules:\n- {text}"


def keys(*listed: object) -> str:
    return rule(f"issuer: a\n  jwks: {json.dumps(json.dumps({'keys': listed}))}")


@pytest.mark.parametrize(
    "spec",
    [
        "{}",
        rule("issuer: a"),
        rule("jwksUri: https://a.b:8443/keys"),
        rule("issuer: a\n  jwks_uri: http://a"),
        rule("issuer: a\n  fromHeaders: [{name: x, prefix: 'Bearer '}]"),
        rule("issuer: a\n  outputClaimToHeaders: [{header: x-sub, claim: sub}]"),
        keys(KEY),
        rule(f"issuer: a\n  jwks: {json.dumps(json.dumps(KEY))}"),
    ],
)
def test_the_usual_rules_are_right(spec: str) -> None:
    assert problems(KIND, spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (rule("audiences: [a]"), "spec.jwtRules[0].issuer: an issuer is required"),
        (
            rule("issuer: a\n  jwksUri: https://a\n  jwks: '{}'"),
            "spec.jwtRules[0]: only one may be set: jwksUri and jwks",
        ),
        (
            rule("issuer: a\n  jwksUri: ftp://a"),
            "spec.jwtRules[0].jwksUri: 'ftp://a' is not the URL of a key set",
        ),
        (
            rule("issuer: a\n  jwksUri: https://a:no"),
            "spec.jwtRules[0].jwksUri: 'https://a:no' is not the URL of a key set",
        ),
        (
            rule("issuer: a\n  audiences: ['']"),
            "spec.jwtRules[0].audiences[0]: must not be empty",
        ),
        (
            rule("issuer: a\n  fromCookies: ['', a]"),
            "spec.jwtRules[0].fromCookies[0]: must not be empty",
        ),
        (
            rule("issuer: a\n  outputClaimToHeaders: [{header: 'a b', claim: ''}]"),
            (
                "spec.jwtRules[0].outputClaimToHeaders[0].header: 'a b' is not a header's "
                "name"
            ),
        ),
        (
            rule("issuer: a\n  timeout: 0s"),
            "spec.jwtRules[0].timeout: must be at least 1ms, got 0s",
        ),
        (keys({"kty": "?"}), "spec.jwtRules[0].jwks: key 1 has no known type"),
        (
            keys(KEY, {"kty": "RSA", "n": "a"}),
            "spec.jwtRules[0].jwks: key 2 of type RSA lacks e",
        ),
        (keys(7), "spec.jwtRules[0].jwks: key 1 is not an object"),
        (
            rule("issuer: a\n  jwks: '[]'"),
            "spec.jwtRules[0].jwks: is not a key set",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems(KIND, spec)


def test_case_46_a_private_key_among_the_public_ones_is_refused() -> None:
    (told,) = problems(KIND, keys(KEY, {**KEY, "d": "secret"}))
    assert told.startswith("spec.jwtRules[0].jwks: key 2 is private")
    assert "secret" not in told


def test_a_dry_run_is_for_authorization_policies_only() -> None:
    spec = "{}"
    name = "a, annotations: {istio.io/dry-run: 'true'}"
    (told,) = problems(KIND, spec, name=name)
    assert told.endswith("only an AuthorizationPolicy can run dry")
    assert problems("AuthorizationPolicy", spec, name=name) == []
    (told,) = problems("AuthorizationPolicy", spec, name=name.replace("'true'", "'x'"))
    assert told.endswith("'x' is neither true nor false")
    audited = problems("AuthorizationPolicy", "action: AUDIT", name=name)
    assert [told.rpartition(": ")[2] for told in audited] == [
        "action AUDIT cannot run dry"
    ]
