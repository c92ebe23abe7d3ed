"""Which filter verifies the tokens of a workload's requests.

Source: pilot/pkg/security/authn/policy_applier.go convertToEnvoyJwtConfig.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from meltemi.config.key_sets import source_of
from meltemi.pilot.ir import token
from meltemi.pilot.translate.key_set import usable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.config.key_sets import KeySource
    from meltemi.config.resource import Resource
    from meltemi.config.schema.request_authentication import (
        JWTRule,
        RequestAuthentication,
    )

    Policy = Resource[RequestAuthentication]

LISTS: Final = ("permission", "scope")
"""Claims that hold lists with spaces between, whether a rule says so or not."""

MODULUS: Final = (
    "q6xZfvRJB4usoe6tumT3_v-iD27HAEbcrXsrq3WQaXQTKjfHSLF-6dphXbuhtVOOp6TA24fz"
    "FDaiZIwD-GY6LxaJZY2b2VvQVe6ubPWmITHSR9z6M4rxAu_XbhRnEg6_CTJ_29fMpUTEu8xE"
    "rTlOVph_QvUQa0Kv0B7zjb1vHx1v9listUPsMa2FQS4ZjIjB25G8RQKqlEqnuQYLHnxjYJRq"
    "a-kCe3IGJptGn1kKFSN9fJ4tKQspdU9G-rPgUicXBEKyfdPSmvpPrKnTG9FUSnxjRuELC3dM"
    "dX6eJbP7XIzii5azc66DzaUMn-wO1NWHqpuX1ICTO-94JXsgqiLlrQ"
)
NOBODYS_KEYS: Final = (
    f'{{"keys":[{{"kty":"RSA","kid":"nobody","use":"sig","alg":"RS256","e":"AQAB",'
    f'"n":"{MODULUS}"}}]}}'
)
"""A key whose private half was never written down: no token can be signed with it.

It stands in for keys that cannot be had: tokens are refused rather than not verified.
"""


def token_filter(
    policies: Iterable[Policy],
    keys: Mapping[KeySource, str],
    *,
    clear_route_cache: bool = False,
) -> token.TokenFilter | None:
    """Return the filter for all rules of a workload's policies, or None without any.

    Args:
        policies: Those that hold for the workload.
        keys: The key sets that were fetched, as text; tokens of an issuer whose keys
            are missing are refused.
        clear_route_cache: Choose the route again by the claims; for gateways.

    """
    rules = (rule for policy in policies for rule in policy.spec.jwt_rules)
    issuers = tuple(
        _issuer(rule, keys)
        for rule in sorted(rules, key=lambda each: each.issuer or "")
    )
    return token.TokenFilter(issuers, clear_route_cache) if issuers else None


def _keys(rule: JWTRule, fetched: Mapping[KeySource, str]) -> str:
    """Return the keys of a rule, its own or fetched, as a key set that Envoy takes.

    Envoy refuses a whole listener over a set without a key that it can use, and over
    a key without its set.
    """
    source = source_of(rule)
    text = (fetched.get(source) if source else rule.jwks) or ""
    if not text:
        return NOBODYS_KEYS
    written = json.loads(text)
    keys = written.get("keys", [written])
    if not any(usable(each) for each in keys):
        return NOBODYS_KEYS
    return text if "keys" in written else json.dumps({"keys": keys})


def _issuer(rule: JWTRule, keys: Mapping[KeySource, str]) -> token.TokenIssuer:
    return token.TokenIssuer(
        issuer=rule.issuer or "",
        keys=_keys(rule, keys),
        audiences=rule.audiences,
        headers=tuple((each.name, each.prefix or "") for each in rule.from_headers),
        params=rule.from_params,
        cookies=rule.from_cookies,
        forward=bool(rule.forward_original_token),
        payload_header=rule.output_payload_to_header or "",
        claim_headers=tuple(
            (each.header, each.claim) for each in rule.output_claim_to_headers
        ),
        lists=tuple(sorted({*LISTS, *rule.space_delimited_claims})),
    )
