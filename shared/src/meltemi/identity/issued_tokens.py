"""Believing a JWT of a configured issuer. Pure: keys and time are arguments."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jwt.types import Options

LONGEST: Final = 16 * 1024
LEEWAY_SECONDS: Final = 30
"""By which the clocks of two machines may differ."""
OLDEST_SECONDS: Final = 86_400
"""Age of the oldest token that is believed, whatever it says of its end."""
SMALLEST_RSA_BITS: Final = 2048
"""RFC 7518 §3.3."""
REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat")
UNVERIFIED: Final[Options] = {"verify_signature": False}
FAMILIES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""How an algorithm begins, and the type of its keys (RFC 7518 §3.1, RFC 8037)."""


class InvalidTokenError(MeshError):
    """A token is malformed, out of date, for somebody else, or by a stranger."""

    code = "identity.invalid-token"
    blame = Blame.CALLER


class Voucher(Protocol):
    """What a verifier knows of an issuer before it sees a token of it."""

    @property
    def issuer(self) -> str:
        """Compared with ``iss``, character by character (RFC 7519 §4.1.1)."""
        ...

    @property
    def audiences(self) -> tuple[str, ...]:
        """One of them must stand in ``aud``."""
        ...

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The only ones it signs with."""
        ...


class KeySetError(ValueError):
    """A text is no JWK set, or none with a key for us."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of an issuer."""

    id: str
    family: str
    algorithm: str
    """The only one it is for; empty: any of its family."""
    material: jwt.PyJWK


@dataclass(frozen=True, slots=True)
class Unproved:
    """What a token says of itself: enough to know whose keys to look at."""

    text: str
    algorithm: str
    key_id: str
    issuer: str


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    kid: str = ""
    alg: str = ""
    use: str = "sig"


class _JwkSet(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, object], ...]


def parse_keys(data: bytes) -> tuple[Key, ...]:
    """Return the keys of a JWK set that can prove a signature (RFC 7517 §5).

    Symmetric keys, short ones and those for encryption are left out.

    Raises:
        KeySetError: If it is no JWK set, or nothing is left.

    """
    try:
        found = msgspec.json.decode(data, type=_JwkSet).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KeySetError(f"not a JWK set: {error}") from error
    keys = tuple(key for each in found if (key := _key(each)) is not None)
    if not keys:
        raise KeySetError("the JWK set holds no public key for signatures")
    return keys


def _key(found: dict[str, object]) -> Key | None:
    try:
        told = msgspec.convert(found, _Jwk)
        if told.kty not in FAMILIES.values() or told.use != "sig":
            return None
        material = jwt.PyJWK(found)
    except (msgspec.MsgspecError, jwt.PyJWTError, ValueError):
        return None  # RFC 7517 §5: keys that are not understood are ignored
    public = material.key
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < SMALLEST_RSA_BITS:
        return None
    return Key(told.kid, told.kty, told.alg, material)


def parse_token(text: str) -> Unproved | None:
    """Return what ``text`` says, unproved; None if it names no issuer.

    Raises:
        InvalidTokenError: If it is no JWT.

    """
    if len(text) > LONGEST:
        raise InvalidTokenError(f"the JWT is longer than {LONGEST // 1024} KiB")
    try:
        refuse_repetition(text)
        header = jwt.get_unverified_header(text)
        claims = jwt.decode(text, options=UNVERIFIED)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidTokenError(f"the JWT is malformed: {error}") from error
    if "crit" in header:
        raise InvalidTokenError("the JWT needs an extension that is not understood")
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        return None
    algorithm, key_id = header.get("alg", ""), header.get("kid", "")
    return Unproved(text, str(algorithm), str(key_id), issuer)


def refuse_repetition(text: str) -> None:
    """Refuse a JWT in which a name stands twice: parsers differ in which they take.

    Source:
        RFC 7515 §4 and RFC 7519 §4: reject it, or take the last.

    """
    for part in text.split(".")[:2]:
        padded = part + "=" * (-len(part) % 4)
        json.loads(base64.urlsafe_b64decode(padded), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in it")
    return found


def choose_key(token: Unproved, issuer: Voucher, keys: Sequence[Key]) -> Key | None:
    """Return the key that must have signed ``token``; None if there is none.

    What the token brings along (``jwk``, ``jku``, ``x5u``, ``x5c``) is not looked at.

    Raises:
        InvalidTokenError: If its algorithm is not the issuer's.

    Source:
        RFC 8725 §3.1: the verifier says which algorithms there are, and uses each
        key with exactly one family.

    """
    if token.algorithm not in issuer.algorithms:
        raise InvalidTokenError(
            f"{issuer.issuer} signs with {', '.join(issuer.algorithms)}, not "
            f"{token.algorithm!r}"
        )
    fitting = [
        key
        for key in keys
        if key.family == FAMILIES[token.algorithm[:2]]
        and key.algorithm in ("", token.algorithm)
        and token.key_id in ("", key.id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def verify_token(
    token: Unproved, issuer: Voucher, key: Key, *, now: datetime
) -> Mapping[str, object]:
    """Return the claims of ``token``, proved.

    Raises:
        InvalidTokenError: Saying what does not hold.

    Source:
        RFC 7519 §7.2; RFC 8725 §3.8-3.9 (issuer and audience).

    """
    options: Options = {
        "require": list(REQUIRED),
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
    }
    try:
        claims: Mapping[str, object] = jwt.decode(
            token.text,
            key.material.key,
            algorithms=[token.algorithm],
            audience=issuer.audiences,
            issuer=issuer.issuer,
            options=options,
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidTokenError(f"the JWT does not hold: {error}") from error
    _check_times(claims, now.timestamp())
    return claims


def _check_times(claims: Mapping[str, object], now: float) -> None:
    """Compare with our clock, which tests can set."""
    begins = _time(claims, "nbf") if "nbf" in claims else 0.0
    issued, ends = _time(claims, "iat"), _time(claims, "exp")
    if now >= ends + LEEWAY_SECONDS:
        raise InvalidTokenError("the JWT has expired: sign in again")
    if max(begins, issued) > now + LEEWAY_SECONDS:
        raise InvalidTokenError("the JWT is from the future: compare the clocks")
    if issued < now - OLDEST_SECONDS:
        raise InvalidTokenError(
            f"the JWT is older than {OLDEST_SECONDS // 3600} h: sign in again"
        )


def _time(claims: Mapping[str, object], name: str) -> float:
    found = claims[name]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise InvalidTokenError(f"{name} of the JWT is no time: {found!r}")
    return float(found)
