"""Tokens of limited scope: made once, shown once, kept only as a hash. Pure.

A token is ``mlt_ID_SECRET``: the id finds it in the ledger, the secret proves it.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from meltemi.config.kinds import kind_called
from meltemi.galley.permission import ANY, READING, WRITING, Scope
from meltemi.galley.refusals import InvalidQueryError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = "mlt_"
PARTS: Final = 3
DAY_SECONDS: Final = 86_400
GROUPS: Final = {"read": READING, "write": WRITING}
"""Words that stand for several verbs."""
VERBS: Final = (*READING, *WRITING, ANY)
RESERVED: Final = frozenset({"admin", "anonymous", "directory"})
"""Names of other writers."""


class Wish(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What somebody wants a token for."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1, max_length=64)]
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=3650 * DAY_SECONDS)] = (
        90 * DAY_SECONDS
    )


class Token(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A token as it is kept: whoever reads it cannot use it."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created: str
    created_by: str
    expires: str
    digest: str

    def shown(self) -> dict[str, object]:
        """Return what administrators get to see of it."""
        told: dict[str, object] = msgspec.to_builtins(self)
        del told["digest"]
        return told


def tokens_prefix(mesh: str) -> str:
    """Return where the tokens of ``mesh`` lie."""
    return f"/mesh/auth/v1/{mesh}/tokens/"


def token_text(number: str, secret: str) -> str:
    """Return what its bearer shows."""
    return f"{PREFIX}{number}_{secret}"


def token_id(text: str) -> str:
    """Return the id in ``text``, or raise `UnauthenticatedError` if it has none."""
    parts = text.split("_", PARTS - 1)
    if len(parts) != PARTS or not parts[1].isalnum() or not parts[1].isascii():
        raise UnauthenticatedError("the bearer token is malformed")
    return parts[1]


def digest(text: str) -> str:
    """Return the hash under which a token is kept: its secret has 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


def expired_at(value: bytes) -> str:
    """Return when a stored token expires; empty where that cannot be read."""
    try:
        return msgspec.json.decode(value, type=Token).expires
    except msgspec.MsgspecError:
        return ""


def make(wish: Wish, text: str, *, by: str, now: datetime) -> Token:
    """Return the token ``text`` as it is to be kept.

    Raises:
        InvalidQueryError: If a scope names a verb that does not exist, or the name
            is one that the audit calls others by.

    """
    if wish.name in RESERVED:
        raise InvalidQueryError(f"a token cannot be called {wish.name!r}")
    return Token(
        id=token_id(text),
        name=wish.name,
        scopes=tuple(normal(scope) for scope in wish.scopes),
        created=_time(now),
        created_by=by,
        expires=_time(now + timedelta(seconds=wish.ttl_seconds)),
        digest=digest(text),
    )


def check(token: Token | None, text: str, *, now: datetime) -> Token:
    """Return ``token`` if ``text`` proves it and it has not expired.

    Raises:
        UnauthenticatedError: If not. Why is told only to those who know the secret.

    """
    if token is None or not hmac.compare_digest(token.digest, digest(text)):
        raise UnauthenticatedError("the bearer token is unknown or revoked")
    if datetime.fromisoformat(token.expires) <= now:
        raise UnauthenticatedError(f"the token expired at {token.expires}")
    return token


def normal(scope: Scope) -> Scope:
    """Return ``scope`` with every verb spelled out and every kind by its own name.

    Raises:
        InvalidQueryError: If it names a verb that does not exist.

    """
    verbs = [each for word in scope.verbs for each in GROUPS.get(word, (word,))]
    unknown = sorted(set(verbs) - set(VERBS))
    if unknown:
        raise InvalidQueryError(
            f"no verb {unknown[0]!r}: there are {', '.join((*GROUPS, *VERBS))}"
        )
    return Scope(tuple(dict.fromkeys(verbs)), _kinds(scope.kinds), scope.namespaces)


def _kinds(words: Sequence[str]) -> tuple[str, ...]:
    known = ((word, kind_called(word)) for word in words)
    return tuple(word if kind is None else kind.name for word, kind in known)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
