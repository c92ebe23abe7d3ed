"""Who may ask for what: identities from proof, lifetimes from policy. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from meltemi.identity.certificate import (
    InvalidCertificateError,
    spiffe_id,
)
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.identity import SpiffeId, control_plane
from meltemi.kernel.names import Namespace

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from meltemi.kernel.identity import TrustDomains

CITADEL_ACCOUNT = "citadel"
"""Citadel's service account. Its certificate is made here and given to nobody."""

SECONDS_LIMIT = 2**31
"""A wished lifetime beyond this overflows in Go; Istio's server multiplies it."""


class UnauthenticatedError(MeshError):
    """The caller proved nothing. The reason goes to the audit log, never to them."""

    code = "citadel.unauthenticated"
    blame = Blame.CALLER


class InvalidLifetimeError(MeshError):
    """The wished lifetime cannot be granted."""

    code = "citadel.invalid-lifetime"
    blame = Blame.CALLER


class ForbiddenIdentityError(MeshError):
    """An identity that nobody may be given."""

    code = "citadel.forbidden-identity"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a workload's certificate may live.

    Attributes:
        default: Granted when nothing is asked.
        longest: More is refused, as Istio does with MAX_WORKLOAD_CERT_TTL.
        shortest: Less is raised to this, so that renewals don't flood the authority.

    """

    default: timedelta
    longest: timedelta
    shortest: timedelta

    @classmethod
    def around(cls, default: timedelta, longest: timedelta | None = None) -> Lifetimes:
        """Return the usual bounds, ten minutes to a week, widened for ``default``.

        ``longest`` is the upper one, where it is not the usual.
        """
        return cls(
            default=default,
            longest=longest or max(timedelta(days=7), default),
            shortest=min(timedelta(minutes=10), default),
        )

    def grant(self, seconds: int) -> timedelta:
        """Return the lifetime for a wish of ``seconds``; 0 or less is no wish.

        Raises:
            InvalidLifetimeError: If the wish is longer than the longest.

        """
        if abs(seconds) >= SECONDS_LIMIT:
            raise InvalidLifetimeError(
                f"validity_duration {seconds} is out of range: expected below 2^31 s"
            )
        if seconds <= 0:
            return self.default
        wished = timedelta(seconds=seconds)
        if wished > self.longest:
            raise InvalidLifetimeError(
                f"validity_duration {seconds} s is longer than the "
                f"{self.longest.total_seconds():.0f} s this authority grants"
            )
        return max(wished, self.shortest)


def citadel_identity(trust_domain: str) -> SpiffeId:
    """Return the identity Citadel serves with."""
    return control_plane(trust_domain, CITADEL_ACCOUNT)


def joining_identity(
    trust_domain: str, namespace: str, service_account: str
) -> SpiffeId:
    """Return the identity a workload token may be made for.

    Raises:
        InvalidIdentityError: If a part cannot stand in an identity.
        ForbiddenIdentityError: If it is Citadel's own.

    """
    identity = SpiffeId(trust_domain, Namespace(namespace), service_account)
    if identity == citadel_identity(trust_domain):
        raise ForbiddenIdentityError(
            f"{identity} is the authority's own: choose another service account"
        )
    return identity


def renewing_identity(leaf: x509.Certificate, domains: TrustDomains) -> SpiffeId:
    """Return who shows a client certificate, already verified, so as to renew it.

    Raises:
        UnauthenticatedError: If it names no workload, or one of another trust domain.

    """
    try:
        identity = spiffe_id(leaf)
    except InvalidCertificateError as error:
        raise UnauthenticatedError(f"client certificate: {error}") from error
    if identity.trust_domain not in domains.names:
        served = ", ".join(domains.names)
        raise UnauthenticatedError(
            f"client certificate of {identity}: this authority serves {served}"
        )
    return identity


def check_standing(leaf: x509.Certificate, *, now: datetime) -> None:
    """Make sure that what a connection was opened with has not ended meanwhile.

    Raises:
        UnauthenticatedError: If it has.

    """
    if leaf.not_valid_after_utc <= now:
        raise UnauthenticatedError(
            f"client certificate: it ended at {leaf.not_valid_after_utc:%FT%TZ}"
        )


def bearer(header: str | None) -> str:
    """Return the token of an ``authorization`` header.

    Raises:
        UnauthenticatedError: If there is none.

    """
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("no bearer token in the authorization header")
    return token.strip()
