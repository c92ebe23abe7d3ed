"""Believing a JWT-SVID. Pure: keys and time are arguments.

Source:
    SPIFFE JWT-SVID 2.1 (algorithms), 2.2-2.3 (kid, typ), 3 (claims), 5 (validation).

"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeGuard

import jwt

from meltemi.identity.issued_tokens import InvalidTokenError, refuse_repetition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jwt.types import Options

ALGORITHMS: Final = tuple(
    f"{family}{bits}" for family in ("RS", "ES", "PS") for bits in (256, 384, 512)
)
LONGEST: Final = 16 * 1024
LEEWAY_SECONDS: Final = 5
SUBJECT: Final = re.compile(r"spiffe://([a-z0-9._-]{1,255})(/[A-Za-z0-9._-]+)+")
CHECKED_BY_HAND: Final[Options] = {
    "require": ["sub", "aud", "exp"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class UnknownKeyError(InvalidTokenError):
    """No key of the trust domain signed it, as far as is known here."""


@dataclass(frozen=True, slots=True)
class Proved:
    """What a JWT-SVID says, and who says it."""

    spiffe_id: str
    claims: Mapping[str, object]


def check_svid(
    text: str,
    audience: str,
    keys: Mapping[str, tuple[dict[str, str], ...]],
    *,
    now: datetime,
) -> Proved:
    """Return what ``text`` proves to ``audience``.

    Args:
        text: The token.
        audience: Who is asked to believe it.
        keys: The public keys of each trust domain that is believed.
        now: The current time.

    Raises:
        UnknownKeyError: If a newer set of keys may hold the one that signed it.
        InvalidTokenError: If it does not hold, whatever keys there are.

    """
    kid, algorithm, subject = _told(text)
    found = SUBJECT.fullmatch(subject)
    if found is None:
        raise InvalidTokenError(f"sub {subject!r} is no SPIFFE id of a workload")
    domain = found[1]
    key = next((each for each in keys.get(domain, ()) if each.get("kid") == kid), None)
    if key is None:
        raise UnknownKeyError(f"no key {kid!r} of trust domain {domain!r} is known")
    try:
        claims = jwt.decode(
            text,
            jwt.PyJWK(key, algorithm),
            algorithms=[algorithm],
            audience=audience,
            options=CHECKED_BY_HAND,
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidTokenError(f"the JWT-SVID does not hold: {error}") from error
    _check_times(claims, now.timestamp())
    return Proved(subject, claims)


def _told(text: str) -> tuple[str, str, str]:
    """Return key id, algorithm and subject, as the token itself has them."""
    if len(text) > LONGEST:
        raise InvalidTokenError(f"the JWT-SVID is longer than {LONGEST // 1024} KiB")
    try:
        refuse_repetition(text)
        header = jwt.get_unverified_header(text)
        claims = jwt.decode(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidTokenError(f"the JWT-SVID is malformed: {error}") from error
    if header.get("alg") not in ALGORITHMS:
        raise InvalidTokenError(
            f"JWT-SVIDs are signed with {', '.join(ALGORITHMS)}, "
            f"not {header.get('alg')!r}"
        )
    if header.get("typ", "JWT") not in ("JWT", "JOSE") or "crit" in header:
        raise InvalidTokenError("its header is not a JWT-SVID's: typ or crit")
    kid, subject = header.get("kid"), claims.get("sub")
    if not isinstance(kid, str) or not isinstance(subject, str):
        raise InvalidTokenError("a JWT-SVID has a kid and a sub: one is missing")
    return kid, str(header["alg"]), subject


def _check_times(claims: Mapping[str, object], now: float) -> None:
    """Compare with our clock, which tests can set."""
    ends, begins = claims["exp"], claims.get("nbf", 0)
    if not _is_time(ends) or not _is_time(begins):
        raise InvalidTokenError("exp or nbf of the JWT-SVID is no time")
    if now >= ends + LEEWAY_SECONDS:
        raise InvalidTokenError("the JWT-SVID has expired")
    if begins > now + LEEWAY_SECONDS:
        raise InvalidTokenError("the JWT-SVID is not valid yet")


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
