"""JWT-SVIDs: a workload's identity as a token for one audience. No I/O.

::

    {sub: spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT, aud: [...], iat, exp, jti}

There is no ``iss``: workload tokens have one, and are looked for by it.

Source:
    SPIFFE JWT-SVID 3 (claims), 4 (the key's id in the header).

"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.citadel.token_key import TokenKey
    from meltemi.kernel.identity import SpiffeId

ALGORITHM = "ES256"
ID_BYTES = 16
DEFAULT_LIFETIME = timedelta(minutes=5)
LONGEST_LIFETIME = timedelta(hours=1)

MOST_AUDIENCES = 16
LONGEST_AUDIENCE = 1024
"""Characters of one audience; SPIFFE ids have up to 2048, hosts up to 253."""


class InvalidAudienceError(MeshError):
    """A JWT-SVID is asked for without saying for whom, or for too many."""

    code = "citadel.invalid-audience"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class JwtSvid:
    """A token as its holder gets it. Its text is never printed."""

    text: str
    id: str
    identity: SpiffeId
    audience: tuple[str, ...]
    expires: datetime

    def __repr__(self) -> str:
        return f"JwtSvid({self.id})"


def make_svid(
    identity: SpiffeId,
    audience: tuple[str, ...],
    key: TokenKey,
    *,
    life: tuple[datetime, timedelta],
    number: bytes,
) -> JwtSvid:
    """Return a token that ``identity`` can show to ``audience``.

    Args:
        identity: Who proved to be it.
        audience: Exactly what stands in ``aud``.
        key: What signs.
        life: When it is made, and for how long it is good; whole seconds of it.
        number: 16 random bytes, its ``jti``.

    Raises:
        InvalidAudienceError: If the audience is nobody, or too many.

    """
    check_audience(audience)
    now, lifetime = life
    issued = int(now.timestamp())
    expires = issued + int(lifetime.total_seconds())
    claims = {
        "sub": str(identity),
        "aud": list(audience),
        "iat": issued,
        "exp": expires,
        "jti": number.hex(),
    }
    text = jwt.encode(claims, key.key, ALGORITHM, {"kid": key.id})
    until = datetime.fromtimestamp(expires, UTC)
    return JwtSvid(text, number.hex(), identity, audience, until)


def check_audience(audience: tuple[str, ...]) -> None:
    """Make sure that somebody is meant.

    Raises:
        InvalidAudienceError: If nobody is, or too many, or one is too long.

    """
    if not 1 <= len(audience) <= MOST_AUDIENCES:
        raise InvalidAudienceError(
            f"{len(audience)} audiences: expected 1 to {MOST_AUDIENCES}"
        )
    for each in audience:
        if not 1 <= len(each) <= LONGEST_AUDIENCE:
            raise InvalidAudienceError(
                f"an audience of {len(each)} characters: "
                f"expected 1 to {LONGEST_AUDIENCE}"
            )
