"""What must hold for a RequestAuthentication."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.hosts import check_count
from meltemi.config.rules.jwks import check_jwks, check_jwks_uri
from meltemi.config.rules.labels import check_targets
from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.request_authentication import (
        JWTRule,
        RequestAuthentication,
    )

HEADER: Final = re.compile(r"[-_A-Za-z0-9]+")
MOST_CLAIMS: Final = 64
MOST_RULES: Final = 4096


def check_request_authentication(spec: RequestAuthentication) -> Iterator[Finding]:
    """Yield what Istio's ValidateRequestAuthentication says."""
    yield from check_targets(spec, spec.target_ref)
    yield from check_count("spec.jwtRules", spec.jwt_rules, MOST_RULES)
    for index, rule in enumerate(spec.jwt_rules):
        path = f"spec.jwtRules[{index}]"
        yield from _check_keys(path, rule)
        yield from _check_places(path, rule)
        yield from _check_claims(path, rule)
        yield from check_duration(f"{path}.timeout", rule.timeout)


def _check_keys(path: str, rule: JWTRule) -> Iterator[Finding]:
    if not rule.issuer and not (rule.jwks_uri or rule.jwks):
        hint = "or say where its keys are: jwksUri or jwks"
        yield problem(f"{path}.issuer", "an issuer is required", hint)
    if rule.jwks_uri is not None and rule.jwks is not None:
        yield problem(path, "only one may be set: jwksUri and jwks")
    if rule.jwks_uri is not None:
        yield from check_jwks_uri(f"{path}.jwksUri", rule.jwks_uri)
    if rule.jwks:
        yield from check_jwks(f"{path}.jwks", rule.jwks)


def _check_places(path: str, rule: JWTRule) -> Iterator[Finding]:
    places = {
        "audiences": rule.audiences,
        "fromHeaders": tuple(header.name for header in rule.from_headers),
        "fromParams": rule.from_params,
        "fromCookies": rule.from_cookies,
        "spaceDelimitedClaims": rule.space_delimited_claims,
    }
    for field, names in places.items():
        for index, name in enumerate(names):
            if not name:
                yield problem(f"{path}.{field}[{index}]", "must not be empty")


def _check_claims(path: str, rule: JWTRule) -> Iterator[Finding]:
    for index, copy in enumerate(rule.output_claim_to_headers):
        here = f"{path}.outputClaimToHeaders[{index}]"
        if not copy.claim:
            yield problem(f"{here}.claim", "a claim is required")
        if not HEADER.fullmatch(copy.header):
            message = f"{copy.header!r} is not a header's name"
            yield problem(f"{here}.header", message)
    claims = rule.space_delimited_claims
    yield from check_count(f"{path}.spaceDelimitedClaims", claims, MOST_CLAIMS)
