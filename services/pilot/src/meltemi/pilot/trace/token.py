"""What a jwt_authn filter makes of a request's tokens.

The signature is checked where the call says so, and else taken to be right: who asks
"would it pass" may not have the issuer sign. That there is a key it can be signed with
is checked always.

Source: envoy/extensions/filters/http/jwt_authn/v3/config.proto; RFC 7519.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from meltemi.pilot.trace.path import split
from meltemi.pilot.trace.signature import signed
from meltemi.pilot.trace.situation import NotModelledError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import (
        JwtAuthentication,
        JwtProvider,
        JwtRequirement,
    )

    from meltemi.pilot.trace.call import Call, Http

    Claims = dict[str, object]
    Providers = Mapping[str, JwtProvider]

PARTS = 3
"""Of a signed token: header, payload, signature."""
IDS = ("kid", "alg")
"""What a token and the key that signed it have in common (RFC 7517 §4)."""
BEARER = "Bearer "
DEFAULT_PARAM = "access_token"


@dataclass(frozen=True, slots=True)
class Token:
    """A token in its compact form, and what it says."""

    text: str
    head: Claims
    claims: Claims


class Standing(StrEnum):
    """What a requirement makes of the tokens."""

    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a requirement.

    Attributes:
        standing: Whether it is met.
        why: What was found where.
        payloads: The claims of the tokens that are right, by where they are left.
        status: What a wrong one is answered with; 0 for one of another issuer, which
            weighs less than what another provider finds.

    """

    standing: Standing
    why: str
    payloads: Mapping[str, Claims] = field(default_factory=dict[str, "Claims"])
    status: int = 0


def verify(settings: JwtAuthentication, request: Http, call: Call) -> Verified:
    """Return what the filter makes of the tokens of a request.

    Args:
        settings: The filter's.
        request: As the filter reads it.
        call: What it came with: when, and whether signatures are checked.

    Raises:
        NotModelledError: If a requirement depends on the request's path or state.

    """
    preflight = request.method == "OPTIONS" and bool(
        request.header("origin") and request.header("access-control-request-method")
    )
    if settings.bypass_cors_preflight and preflight:
        return Verified(Standing.RIGHT, "a preflight needs no token")
    for rule in settings.rules:
        if rule.match.prefix != "/" or rule.match.headers:
            raise NotModelledError("tokens are wanted by path or header")
        if not rule.HasField("requires"):
            return Verified(Standing.RIGHT, "no token is wanted")
        return _required(rule.requires, settings.providers, request, call)
    return Verified(Standing.RIGHT, "no token is wanted")


def _required(
    wanted: JwtRequirement, providers: Providers, request: Http, call: Call
) -> Verified:
    match wanted.WhichOneof("requires_type"):
        case "provider_name":
            return _provided(providers[wanted.provider_name], request, call)
        case "requires_any":
            several = wanted.requires_any.requirements
            return _any(several, providers, request, call)
        case "requires_all":
            made = [
                _required(each, providers, request, call)
                for each in wanted.requires_all.requirements
            ]
            return _all(made)
        case "allow_missing" | "allow_missing_or_failed":
            return Verified(Standing.RIGHT, "a token may be missing")
        case kind:
            raise NotModelledError(f"tokens are wanted by {kind}")


def _any(
    wanted: Sequence[JwtRequirement],
    providers: Providers,
    request: Http,
    call: Call,
) -> Verified:
    """Return the first that is right; none may be wrong where one may be missing."""
    kinds = [each.WhichOneof("requires_type") for each in wanted]
    named = [
        _required(each, providers, request, call)
        for each, kind in zip(wanted, kinds, strict=True)
        if not (kind or "").startswith("allow_missing")
    ]
    right = next((each for each in named if each.standing is Standing.RIGHT), None)
    if right is not None:
        return right
    why = "; ".join(dict.fromkeys(each.why for each in named))
    wrong = any(each.standing is Standing.WRONG for each in named)
    if "allow_missing_or_failed" in kinds or ("allow_missing" in kinds and not wrong):
        return Verified(Standing.RIGHT, f"{why}: it may be missing")
    status = next((each.status for each in reversed(named) if each.status), 0)
    return Verified(Standing.WRONG if wrong else Standing.MISSING, why, status=status)


def _all(made: list[Verified]) -> Verified:
    failed = next((each for each in made if each.standing is not Standing.RIGHT), None)
    if failed is not None:
        return failed
    payloads = {key: value for each in made for key, value in each.payloads.items()}
    why = "; ".join(dict.fromkeys(each.why for each in made))
    return Verified(Standing.RIGHT, why, payloads)


def _provided(provider: JwtProvider, request: Http, call: Call) -> Verified:
    tokens = [each for each in _tokens(provider, request) if each]
    if not tokens:
        return Verified(Standing.MISSING, "no token is there")
    read = [_read(each) for each in tokens]
    right = [each for each in read if each is not None]
    if len(right) < len(read):
        why = "what is there is not a token"
        return Verified(Standing.WRONG, why, status=HTTPStatus.UNAUTHORIZED)
    for each in right:
        wrong = _wrong(provider, each, call)
        if wrong is not None:
            return wrong
    claims = right[-1].claims
    for name in provider.normalize_payload_in_metadata.space_delimited_claims:
        value = claims.get(name)
        if isinstance(value, str):
            claims[name] = value.split(" ")
    left = (
        {provider.payload_in_metadata: claims} if provider.payload_in_metadata else {}
    )
    return Verified(Standing.RIGHT, f"a token of {claims.get('iss')!r}", left)


def _wrong(provider: JwtProvider, token: Token, call: Call) -> Verified | None:
    """Return what is wrong with a token; None for nothing.

    Source: source/extensions/filters/http/jwt_authn/filter.cc, onComplete: an audience
    that is not meant is forbidden, and all else is not authorized.

    """
    claims = token.claims
    issuer = claims.get("iss")
    if provider.issuer and issuer != provider.issuer:
        why = f"a token of {issuer!r} is there, {provider.issuer!r} is wanted"
        return Verified(Standing.WRONG, why)
    expiry = claims.get("exp")
    skew = provider.clock_skew_seconds or 60
    now = call.now
    if now is not None and isinstance(expiry, int | float) and now > expiry + skew:
        why = "the token has expired"
        return Verified(Standing.WRONG, why, status=HTTPStatus.UNAUTHORIZED)
    meant = claims.get("aud", [])
    audiences = meant if isinstance(meant, list) else [meant]
    if provider.audiences and not set(provider.audiences) & set(map(str, audiences)):
        why = f"a token for {meant!r} is there, for {list(provider.audiences)} wanted"
        return Verified(Standing.WRONG, why, status=HTTPStatus.FORBIDDEN)
    why = _key_problem(provider, token, signatures=call.signatures)
    return (
        Verified(Standing.WRONG, why, status=HTTPStatus.UNAUTHORIZED) if why else None
    )


def _tokens(provider: JwtProvider, request: Http) -> Iterator[str]:
    """Yield the tokens at the provider's places; without any, at the usual ones."""
    usual = not (provider.from_headers or provider.from_params or provider.from_cookies)
    places = [(each.name, each.value_prefix) for each in provider.from_headers]
    for name, prefix in places or [("authorization", BEARER)] * usual:
        value = request.header(name)
        if value is not None and prefix in value:
            yield value.partition(prefix)[2] if prefix else value
    found = parse_qs(split(request.path)[1])
    for name in provider.from_params or [DEFAULT_PARAM] * usual:
        yield from found.get(name, [])[:1]
    cookies = (request.header("cookie") or "").split(";")
    for name in provider.from_cookies:
        for cookie in cookies:
            key, _, value = cookie.strip().partition("=")
            if key == name:
                yield value


def _key_problem(provider: JwtProvider, token: Token, *, signatures: bool) -> str:
    """Return why no key has signed a token; empty when one has, or may have."""
    if not provider.HasField("local_jwks"):
        return ""  # Envoy fetches them: they are not known here
    try:
        keys = json.loads(provider.local_jwks.inline_string).get("keys", [])
    except (ValueError, AttributeError):
        return "the keys of the issuer cannot be read"
    head = token.head
    fitting = [
        key
        for key in keys
        if all(
            key.get(name, each) == each for name, each in head.items() if name in IDS
        )
    ]
    if not fitting:
        named = ", ".join(f"{name} {head[name]}" for name in IDS if name in head)
        return f"no key of the issuer fits the token ({named})"
    algorithm = str(head.get("alg", ""))
    if signatures and all(
        signed(key, algorithm, token.text) is False for key in fitting
    ):
        return "the issuer has not signed the token"
    return ""


def _read(text: str) -> Token | None:
    """Return what a token spells (RFC 7515 §3.1)."""
    parts = text.strip().split(".")
    if len(parts) != PARTS:
        return None
    head, claims = _decoded(parts[0]), _decoded(parts[1])
    return None if head is None or claims is None else Token(text, head, claims)


def _decoded(part: str) -> Claims | None:
    try:
        found = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        return None
    return found if isinstance(found, dict) else None
