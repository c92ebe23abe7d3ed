"""Workload tokens: signed by Citadel, good for one certificate or a few. No I/O.

A token is a JWT that Istio's own agent can send as it is::

    {iss: https://citadel/TRUST-DOMAIN, aud: istio-ca, jti, iat, exp, once, cidr, node,
     sub: system:serviceaccount:NAMESPACE:ACCOUNT}
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt
import msgspec

from meltemi.citadel.admit import UnauthenticatedError, citadel_identity
from meltemi.identity.issued_tokens import (
    InvalidTokenError,
    Unproved,
    choose_key,
    verify_token,
)
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.identity import InvalidIdentityError, SpiffeId
from meltemi.kernel.names import Namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.citadel.token_key import TokenKey
    from meltemi.identity.issued_tokens import Key
    from meltemi.kernel.identity import TrustDomains

AUDIENCE = "istio-ca"
"""Istio's audience of tokens for its certificate authority."""

ALGORITHM = "ES256"

LONGEST_TEXT = 8 * 1024
"""Characters of a token that are looked at."""

ID_BYTES = 16
ID = re.compile(r"[0-9a-f]{32}")
NODE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]{0,251}[A-Za-z0-9])?")

DEFAULT_LIFETIME = timedelta(minutes=10)
"""SPIRE's join tokens live as long by default."""

LONGEST_LIFETIME = timedelta(hours=24)
SKEW = timedelta(seconds=30)

SUBJECT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
"""How Kubernetes, and so Istio, names a service account in a token."""


class InvalidTokenRequestError(MeshError):
    """A token cannot be made as asked."""

    code = "citadel.invalid-token-request"
    blame = Blame.CALLER


class _Claims(msgspec.Struct, frozen=True):
    """What must stand in a token, and of which type."""

    sub: str
    aud: str
    jti: str
    iat: int
    exp: int
    once: bool
    cidr: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a token is good for.

    Attributes:
        lifetime: From now on.
        once: Whether the first certificate uses it up.
        cidr: Where it may be shown from; empty: anywhere.
        node: Which node must show it; empty: any. It is the caller's word.

    """

    lifetime: timedelta = DEFAULT_LIFETIME
    once: bool = True
    cidr: str = ""
    node: str = ""

    def checked(self) -> Bounds:
        """Return these bounds, the network in its canonical form.

        Raises:
            InvalidTokenRequestError: If one is out of range.

        """
        if not timedelta(seconds=1) <= self.lifetime <= LONGEST_LIFETIME:
            raise InvalidTokenRequestError(
                f"ttl_seconds {self.lifetime.total_seconds():.0f} is out of range: "
                f"expected 1 to {LONGEST_LIFETIME.total_seconds():.0f}"
            )
        if self.node and not NODE.fullmatch(self.node):
            raise InvalidTokenRequestError(
                f"node {self.node!r} is no node's name: it must match {NODE.pattern}"
            )
        try:
            cidr = str(ipaddress.ip_network(self.cidr)) if self.cidr else ""
        except ValueError as error:
            raise InvalidTokenRequestError(
                f"cidr {self.cidr!r} is no network, as in 10.0.0.0/8: {error}"
            ) from error
        return Bounds(self.lifetime, self.once, cidr, self.node)


class TokenRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a token without the token: what the ledger lists."""

    id: str
    identity: str
    issued: datetime
    expires: datetime
    once: bool
    cidr: str = ""
    node: str = ""

    @property
    def name(self) -> SpiffeId:
        """Whom it stands for."""
        return SpiffeId.parse(self.identity)

    def check_place(self, address: str, node: str) -> None:
        """Make sure that a caller may show it.

        Args:
            address: The IP address the call comes from; empty where there is none.
            node: What the caller says its node is called.

        Raises:
            UnauthenticatedError: If it is bound to another place.

        """
        if self.cidr and not is_within(address, self.cidr):
            raise UnauthenticatedError(
                f"token {self.id} is for {self.cidr}, shown from {address or 'nowhere'}"
            )
        if self.node and node != self.node:
            raise UnauthenticatedError(
                f"token {self.id} is for node {self.node!r}, shown by {node!r}"
            )


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its maker sees it, once. Its text is never printed."""

    text: str
    record: TokenRecord

    def __repr__(self) -> str:
        return f"Token({self.record.id})"


def own_issuer(trust_domain: str) -> str:
    """Return what Citadel calls itself in the tokens of ``trust_domain``."""
    return f"https://citadel/{trust_domain}"


def make_token(
    identity: SpiffeId, bounds: Bounds, key: TokenKey, *, now: datetime, number: bytes
) -> Token:
    """Return a token for ``identity``; ``number`` are 16 random bytes, its ``jti``.

    Raises:
        InvalidTokenRequestError: If the bounds are out of range.

    """
    good = bounds.checked()
    issued = datetime.fromtimestamp(int(now.timestamp()), UTC)
    record = TokenRecord(
        number.hex(),
        str(identity),
        issued,
        issued + good.lifetime,
        good.once,
        good.cidr,
        good.node,
    )
    claims = {
        "iss": own_issuer(identity.trust_domain),
        "aud": AUDIENCE,
        "sub": f"system:serviceaccount:{identity.namespace}:{identity.service_account}",
        "jti": record.id,
        "iat": int(issued.timestamp()),
        "exp": int(record.expires.timestamp()),
        "once": record.once,
        "cidr": record.cidr,
        "node": record.node,
    }
    return Token(jwt.encode(claims, key.key, ALGORITHM, {"kid": key.id}), record)


@dataclass(frozen=True, slots=True)
class _Own:
    """Citadel, as an issuer among others."""

    issuer: str
    audiences: tuple[str, ...] = (AUDIENCE,)
    algorithms: tuple[str, ...] = (ALGORITHM,)


def check_token(
    token: Unproved, keys: Sequence[Key], *, domains: TrustDomains, now: datetime
) -> TokenRecord:
    """Return what ``token`` proves.

    Raises:
        UnauthenticatedError: If Citadel did not sign it, it has expired, or a claim is
            missing, of another type, or not as `make_token` makes it.

    """
    issuers = {own_issuer(each) for each in domains.names}
    own = _Own(token.issuer if token.issuer in issuers else own_issuer(domains.own))
    try:
        chosen = choose_key(token, own, keys) if token.key_id else None
        if chosen is None:
            raise UnauthenticatedError(f"token by no key of ours: {token.key_id!r}")
        claims = msgspec.convert(
            verify_token(token, own, chosen, now=now), type=_Claims
        )
        record = _record(claims, domains.own)
    except (InvalidTokenError, InvalidIdentityError, msgspec.MsgspecError) as error:
        raise UnauthenticatedError(f"workload token: {error}") from error
    except (ValueError, OverflowError, OSError) as error:
        raise UnauthenticatedError(f"workload token: no such time: {error}") from error
    _check_life(record, now)
    if record.name == citadel_identity(domains.own):
        raise UnauthenticatedError(f"token for {record.identity}, the authority's")
    return record


def service_account(subject: str, trust_domain: str) -> SpiffeId:
    """Return whom ``system:serviceaccount:NAMESPACE:ACCOUNT`` names.

    Raises:
        UnauthenticatedError: If it has another form, or parts that name nobody.

    """
    found = SUBJECT.fullmatch(subject)
    if found is None:
        raise UnauthenticatedError(
            f"sub {subject!r} is not system:serviceaccount:NAMESPACE:ACCOUNT"
        )
    try:
        return SpiffeId(trust_domain, Namespace(found[1]), found[2])
    except InvalidIdentityError as error:
        raise UnauthenticatedError(f"sub {subject!r}: {error}") from error


def _record(claims: _Claims, trust_domain: str) -> TokenRecord:
    if not ID.fullmatch(claims.jti):
        raise UnauthenticatedError(f"jti {claims.jti!r} is none of ours")
    return TokenRecord(
        claims.jti,
        str(service_account(claims.sub, trust_domain)),
        datetime.fromtimestamp(claims.iat, UTC),
        datetime.fromtimestamp(claims.exp, UTC),
        claims.once,
        claims.cidr,
        claims.node,
    )


def _check_life(record: TokenRecord, now: datetime) -> None:
    if not timedelta() < record.expires - record.issued <= LONGEST_LIFETIME:
        raise UnauthenticatedError(
            f"token {record.id} lives longer than any this authority makes"
        )
    if record.issued > now + SKEW:
        raise UnauthenticatedError(f"token {record.id} is from the future")
    if record.expires <= now:
        raise UnauthenticatedError(
            f"token {record.id} for {record.identity} expired at "
            f"{record.expires:%FT%TZ}"
        )


def is_within(address: str, cidr: str) -> bool:
    """Tell whether an IP address is one of a network; what is neither is not."""
    try:
        here = ipaddress.ip_address(address)
        if isinstance(here, ipaddress.IPv6Address) and here.ipv4_mapped:
            here = here.ipv4_mapped
        return here in ipaddress.ip_network(cidr)
    except ValueError:
        return False
