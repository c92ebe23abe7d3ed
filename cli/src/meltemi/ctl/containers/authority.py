"""Certificates between the servers of a mesh: etcd, NATS, Vault, Galley, Pilots. Pure.

Citadel's certificates name workloads, and Citadel comes up after etcd: what stands
below it needs an authority of its own, which nothing but these servers is signed by.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meltemi.identity.certificate import certificate_pem, parse_chain
from meltemi.identity.keys import key_from_pem, key_to_pem, new_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric import ec

ROOT_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=365)
"""A year: it is renewed when half of it is over and the keys are made anew."""
BACKDATE = timedelta(minutes=2)
"""Clocks of containers are one clock, those of machines are not."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Authority:
    """Who vouches for servers."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, *, now: datetime) -> Self:
        """Return an authority with a fresh key."""
        key, name = new_key(), _name("Meltemi servers")
        made = _unsigned(name, name, key, (now, now + ROOT_LIFETIME))
        made = made.add_extension(x509.BasicConstraints(True, 0), critical=True)  # noqa: FBT003 - cryptography's signature
        return cls(key, made.sign(key, hashes.SHA256()))

    @classmethod
    def read(cls, shown: Shown) -> Self:
        """Return the authority that was kept; raise `InvalidCertificateError`."""
        return cls(key_from_pem(shown.key), parse_chain(shown.certificate)[0])

    @property
    def kept(self) -> Shown:
        """What `read` reads."""
        return Shown(certificate_pem(self.certificate), key_to_pem(self.key))

    def issue(self, names: Sequence[str], *, now: datetime) -> Shown:
        """Return a certificate for a server that is reached by ``names``.

        The first is its common name. It may be shown to other servers, too.
        """
        key = new_key()
        valid = (now, now + LIFETIME)
        usage = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
        made = (
            _unsigned(_name(names[0]), self.certificate.subject, key, valid)
            .add_extension(x509.BasicConstraints(False, None), critical=True)  # noqa: FBT003 - cryptography's signature
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(_alternatives(names), critical=False)
        )
        signed = made.sign(self.key, hashes.SHA256())
        return Shown(certificate_pem(signed), key_to_pem(key))

    def vouches(self, pem: str, names: Sequence[str], *, now: datetime) -> bool:
        """Tell whether a certificate is ours, for ``names``, and good for long yet."""
        (leaf,) = parse_chain(pem)[:1]
        try:
            leaf.verify_directly_issued_by(self.certificate)
            found = leaf.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        return found == _alternatives(names) and (
            leaf.not_valid_after_utc - now > LIFETIME / 2
        )


def _unsigned(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0] - BACKDATE)
        .not_valid_after(valid[1])
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternatives(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_alternative(each) for each in names])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
