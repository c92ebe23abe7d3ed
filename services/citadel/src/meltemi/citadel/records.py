"""What is remembered of a certificate: everything but the certificate. No I/O."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from meltemi.citadel.key_index import REMEMBERED
from meltemi.identity.certificate import authority_identifier, spiffe_id

if TYPE_CHECKING:
    from cryptography import x509

    from meltemi.citadel.caller import Caller

KEPT_LONGER = timedelta(minutes=5)


class CertificateRecord(msgspec.Struct, frozen=True):
    """One certificate that went out."""

    serial: str
    """Hexadecimal, without leading zeros."""
    identity: str
    issuer: str
    """Who signed it: the subject of the authority's certificate (RFC 4514)."""
    issued: datetime
    not_after: datetime
    proof: str
    """What its holder showed for it: a `Proof`."""
    voucher: str
    """Who vouched for the holder; empty where it renewed by certificate."""
    peer: str
    """The IP address it went to."""
    key_sha256: str
    issuer_key: str = ""
    """Which of the issuer's keys signed: its identifier in hexadecimal (RFC 5280)."""

    @property
    def keep_until(self) -> datetime:
        """When it may be forgotten: it has ended, and its key is free again."""
        return max(self.not_after, self.issued + REMEMBERED) + KEPT_LONGER


def certificate_record(
    leaf: x509.Certificate, caller: Caller, key_sha256: str, *, now: datetime
) -> CertificateRecord:
    """Return what to remember of ``leaf``, made for ``caller`` at ``now``."""
    return CertificateRecord(
        serial=f"{leaf.serial_number:x}",
        identity=str(spiffe_id(leaf)),
        issuer=leaf.issuer.rfc4514_string(),
        issued=now,
        not_after=leaf.not_valid_after_utc,
        proof=caller.evidence.proof,
        voucher=caller.evidence.issuer,
        peer=caller.evidence.address,
        key_sha256=key_sha256,
        issuer_key=authority_identifier(leaf),
    )


def key_digest(der: bytes) -> str:
    """Return the SHA-256 of a key's SubjectPublicKeyInfo, as it stands in records."""
    return hashlib.sha256(der).hexdigest()
