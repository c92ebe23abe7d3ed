"""What a signer gives back, and the one check of it. No I/O, no clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from meltemi.citadel.issue import BACKDATE, check_remaining
from meltemi.identity.certificate import (
    InvalidCertificateError,
    certificate_pem,
    certificate_public_der,
    verify_path,
)
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from meltemi.citadel.issue import Template

USAGES = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


class BadIssueError(MeshError):
    """A signer made a certificate that is not what was asked for. It stays here."""

    code = "citadel.bad-issue"
    blame = Blame.OURS


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate, and the intermediates between it and the roots, without these."""

    leaf: x509.Certificate
    intermediates: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What a TLS peer is shown, leaf first."""
        return (self.leaf, *self.intermediates)

    @property
    def chain_pem(self) -> str:
        """The chain as PEM, leaf first."""
        return certificate_pem(*self.chain)


def check_signed(
    made: Signed,
    template: Template,
    roots: Sequence[x509.Certificate],
    *,
    now: datetime,
) -> Signed:
    """Return ``made`` as read back from its bytes, if it is ``template`` and no more.

    Whoever signed: a stranger would check it like this, under the roots that
    workloads are told to believe.

    Args:
        made: What the signer returned.
        template: What it was asked for.
        roots: The trust bundle.
        now: The time after signing, timezone-aware.

    Raises:
        BadIssueError: If the chain does not hold, or the key, a name, the usage, the
            CA flag or the validity is another than asked.
        SignerExpiredError: If too little of the wished lifetime is left.

    """
    leaf = x509.load_der_x509_certificate(
        made.leaf.public_bytes(serialization.Encoding.DER)
    )
    serial = f"serial {leaf.serial_number:x}"
    try:
        verify_path([leaf, *made.intermediates], roots, now=now)
        wrong = list(_differences(leaf, template, now))
    except (InvalidCertificateError, ValueError, x509.DuplicateExtension) as error:
        raise BadIssueError(f"{serial}: {error}") from error
    if wrong:
        raise BadIssueError(f"{serial} is not what was asked for: {', '.join(wrong)}")
    check_remaining(leaf.not_valid_after_utc, template.lifetime, now=now)
    return Signed(leaf, made.intermediates)


def _differences(
    leaf: x509.Certificate, template: Template, now: datetime
) -> list[str]:
    """Return what is wrong with ``leaf``, in words for the audit log."""
    found = {type(each.value): each.value for each in leaf.extensions}
    usage, constraints = found.get(x509.KeyUsage), found.get(x509.BasicConstraints)
    names, purposes = (
        found.get(x509.SubjectAlternativeName),
        found.get(x509.ExtendedKeyUsage),
    )
    verdicts = {
        "another key": certificate_public_der(leaf) == template.key_der,
        # The order of names is the signer's; twice the same name is not.
        "other names": isinstance(names, x509.SubjectAlternativeName)
        and Counter(names) == Counter(template.names()),
        "a subject": not list(leaf.subject),
        "an authority": isinstance(constraints, x509.BasicConstraints)
        and not constraints.ca,
        "a key that may sign": isinstance(usage, x509.KeyUsage)
        and not (usage.key_cert_sign or usage.crl_sign),
        "other usages": isinstance(purposes, x509.ExtendedKeyUsage)
        and set(purposes) == USAGES,
        "another validity": _lasts_as_asked(leaf, template.lifetime, now),
    }
    return [what for what, holds in verdicts.items() if not holds]


def _lasts_as_asked(leaf: x509.Certificate, lifetime: timedelta, now: datetime) -> bool:
    """Tell whether ``leaf`` ends in time, give or take what clocks may differ by."""
    validity = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    in_time = leaf.not_valid_after_utc <= now + lifetime + BACKDATE
    return in_time and validity <= lifetime + 2 * BACKDATE
