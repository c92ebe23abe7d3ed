"""Issuers of tokens that others run: who vouches for workloads. No I/O.

::

    - issuer: https://ci.example
      audiences: [istio-ca]
      jwksUrl: https://ci.example/keys
      subject: system:serviceaccount:{namespace}:{serviceAccount}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.tokens import AUDIENCE
from meltemi.identity.issued_tokens import (
    InvalidTokenError,
    KeySetError,
    parse_keys,
    verify_token,
)
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.identity import InvalidIdentityError, SpiffeId
from meltemi.kernel.names import Namespace

if TYPE_CHECKING:
    from datetime import datetime

    from meltemi.identity.issued_tokens import Key, Unproved

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
KUBERNETES: Final = "system:serviceaccount:{namespace}:{serviceAccount}"
PLACES: Final = ("{namespace}", "{serviceAccount}")

Text = Annotated[str, msgspec.Meta(min_length=1)]
Texts = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]


class InvalidIssuersError(MeshError):
    """The list of issuers does not say what it must."""

    code = "citadel.invalid-issuers"
    blame = Blame.CALLER


class Issuer(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Somebody whose tokens are believed. Exactly one of the three ``jwks`` is set."""

    issuer: Text
    """Compared with ``iss``, character by character."""
    audiences: Texts = (AUDIENCE,)
    """One of them must stand in ``aud``."""
    jwks: str = ""
    """The key set itself."""
    jwks_file: str = ""
    jwks_url: str = ""
    """``https://…``, fetched behind a guard; private networks are not reached."""
    subject: str = KUBERNETES
    """What ``sub`` looks like, with ``{namespace}`` and ``{serviceAccount}`` in it.
    Empty: registration entries say whom a subject stands for.
    """
    algorithms: Texts = ALGORITHMS

    def claims(self, token: Unproved, key: Key, *, now: datetime) -> str:
        """Return the subject that ``token`` proves.

        Raises:
            UnauthenticatedError: If a claim is missing, of another type, or does not
                hold.

        """
        try:
            claims = verify_token(token, self, key, now=now)
        except InvalidTokenError as error:
            raise UnauthenticatedError(f"token of {self.issuer}: {error}") from error
        subject = claims["sub"]
        whole = all(type(claims[name]) is int for name in ("iat", "exp"))
        if not whole or not isinstance(subject, str) or not subject:
            raise UnauthenticatedError(
                f"token of {self.issuer}: exp and iat must be whole numbers, sub a text"
            )
        return subject

    def identity(self, subject: str, trust_domain: str) -> SpiffeId | None:
        """Return whom ``subject`` names by itself; None where entries must say.

        Raises:
            UnauthenticatedError: If it is not of the form that is told.

        """
        if not self.subject:
            return None
        found = re.fullmatch(_pattern(self.subject), subject)
        if found is None:
            raise UnauthenticatedError(
                f"sub {subject!r} of {self.issuer} is not {self.subject}"
            )
        try:
            return SpiffeId(
                trust_domain, Namespace(found["namespace"]), found["serviceAccount"]
            )
        except InvalidIdentityError as error:
            raise UnauthenticatedError(f"sub {subject!r}: {error}") from error


def parse_issuers(data: bytes) -> tuple[Issuer, ...]:
    """Return what a list of issuers (YAML or JSON) says.

    Raises:
        InvalidIssuersError: Saying what is wrong, and where.

    """
    try:
        found = msgspec.yaml.decode(data, type=tuple[Issuer, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidIssuersError(str(error)) from error
    for each in found:
        _check(each)
    if len({each.issuer for each in found}) < len(found):
        raise InvalidIssuersError("an issuer stands twice")
    return found


def _check(issuer: Issuer) -> None:
    if sum(map(bool, (issuer.jwks, issuer.jwks_file, issuer.jwks_url))) != 1:
        raise InvalidIssuersError(
            f"{issuer.issuer}: set one of jwks, jwksFile and jwksUrl"
        )
    unknown = sorted(set(issuer.algorithms) - set(ALGORITHMS))
    if unknown:
        raise InvalidIssuersError(
            f"{issuer.issuer}: no algorithm {unknown[0]!r}: {', '.join(ALGORITHMS)}"
        )
    if issuer.subject and any(issuer.subject.count(each) != 1 for each in PLACES):
        raise InvalidIssuersError(
            f"{issuer.issuer}: subject {issuer.subject!r} must hold {{namespace}} and "
            "{serviceAccount} once, or be empty"
        )
    if issuer.jwks:
        try:
            parse_keys(issuer.jwks.encode())
        except KeySetError as error:
            raise InvalidIssuersError(f"{issuer.issuer}: jwks: {error}") from error


def _pattern(template: str) -> str:
    pattern = re.escape(template)
    for place in PLACES:
        name = place.strip("{}")
        pattern = pattern.replace(re.escape(place), f"(?P<{name}>[^:/]+)")
    return pattern
