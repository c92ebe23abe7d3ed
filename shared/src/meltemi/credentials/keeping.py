"""When a stored credential may be used again, and when to renew one. No I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from meltemi.identity.certificate import (
    InvalidCertificateError,
    spiffe_id,
    verify_chain,
)
from meltemi.kernel.backoff import Backoff
from meltemi.kernel.renewal import renewal_delay

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from meltemi.identity.credential import Credential
    from meltemi.kernel.identity import SpiffeId

WORTH_KEEPING = timedelta(minutes=5)
"""A stored certificate with less left is not served after a restart."""

SPREAD = timedelta(minutes=1)

WITHOUT = Backoff(first=0.2, ceiling=5.0)
"""Without a certificate nothing works: ask often."""

SOONEST = 1.0
"""Seconds between tries while there is a certificate, at first."""

JITTER = 0.05
"""Renewal at 50 % of life, up to 5 % of life earlier: 10 % of the half."""


def trouble_with(
    credential: Credential, identity: SpiffeId, *, now: datetime
) -> str | None:
    """Return why ``credential`` must not be served after a restart, or None."""
    if credential.leaf.not_valid_after_utc - now < WORTH_KEEPING:
        return f"it ends at {credential.leaf.not_valid_after_utc:%FT%TZ}"
    try:
        credential.check(identity, now=now)
    except InvalidCertificateError as error:
        return str(error)
    return None


def is_predecessor(
    credential: Credential, identity: SpiffeId, *, now: datetime
) -> bool:
    """Tell whether ``credential`` is ``identity``'s of another trust domain.

    It is not served, but Citadel takes it as a proof where the mesh was called so.
    """
    try:
        found = spiffe_id(credential.leaf)
    except InvalidCertificateError:
        return False
    former = replace(identity, trust_domain=found.trust_domain)
    return found != identity and trouble_with(credential, former, now=now) is None


def speaks_for(
    credential: Credential, roots: tuple[x509.Certificate, ...], *, now: datetime
) -> bool:
    """Tell whether ``credential`` holds under ``roots``, the authority's of today."""
    try:
        verify_chain(credential.chain, roots, now=now)
    except InvalidCertificateError:
        return False
    return True


def until_renewal(
    credential: Credential, *, since: datetime, now: datetime, draw: float
) -> float:
    """Return the seconds until ``credential`` should be renewed.

    Half of life counts from ``since``, not from the start of validity: that lies two
    minutes back for the sake of slow clocks, and a certificate of one minute would
    be due the moment it came.

    Args:
        credential: What is held.
        since: When it came. For one from disk: the start of its validity.
        now: The current time.
        draw: From 0 to 1, drawn once a credential.

    """
    leaf = credential.leaf
    wait = renewal_delay(
        max(since, leaf.not_valid_before_utc),
        leaf.not_valid_after_utc,
        now=now,
        jitter=JITTER * draw,
    )
    return wait.total_seconds()


def hurried(credential: Credential, *, now: datetime) -> float:
    """Return within how many seconds to replace what a root on its way out signed.

    A minute spreads ten thousand workloads well enough; what ends sooner has a tenth
    of what it has left.
    """
    left = credential.leaf.not_valid_after_utc - now
    return max(0.0, min(SPREAD, left / 10).total_seconds())


def patience(credential: Credential | None, *, now: datetime) -> Backoff:
    """Return how to wait from one try for a successor to the next.

    What has hours left need not press an authority in trouble. What ends soon is
    asked for often, for the authority may come back at the last moment.
    """
    if readiness(credential, now=now) or credential is None:
        return WITHOUT
    return Backoff(SOONEST, ceiling=max(SOONEST, hurried(credential, now=now)))


def readiness(credential: Credential | None, *, now: datetime) -> str | None:
    """Return why the workload has no usable certificate, or None."""
    if credential is None:
        return "no certificate yet"
    if credential.leaf.not_valid_after_utc <= now:
        return f"the certificate ended at {credential.leaf.not_valid_after_utc:%FT%TZ}"
    return None
