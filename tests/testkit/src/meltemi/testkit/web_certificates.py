"""Certificates for hosts, as people bring them to a gateway."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meltemi.identity.certificate import certificate_pem
from meltemi.kernel.clock import SystemClock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
    )

NOW = SystemClock().now()
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Signer:
    """An authority of the web, in a test."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return certificate_pem(self.certificate)


@dataclass(frozen=True)
class Shown:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return certificate_pem(self.certificate)

    @property
    def key_pem(self) -> str:
        return key_pem(self.key)


def key_pem(key: CertificateIssuerPrivateKeyTypes, passphrase: bytes = b"") -> str:
    """Return a key as PEM, encrypted if there is a passphrase."""
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        how = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how
    ).decode()


@cache
def web_root(name: str = "root") -> Signer:
    """Return an authority, the same for equal names."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(key, _signed(name, key, None, (), NOW + 100 * DAY))


def under(signer: Signer, name: str) -> Signer:
    """Return an authority that ``signer`` vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(key, _signed(name, key, signer, (), NOW + 50 * DAY))


def web_certificate(
    *hosts: str, signer: Signer | None = None, until: datetime = NOW + DAY
) -> Shown:
    """Return a certificate for ``hosts``."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Shown(_signed(hosts[0], key, signer or web_root(), hosts, until), key)


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: Signer | None,
    hosts: tuple[str, ...],
    until: datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = signer.certificate.subject if signer else subject
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(NOW, until) - DAY)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(not hosts, None), critical=True)
    )
    if hosts:
        names = x509.SubjectAlternativeName([_name(host) for host in hosts])
        made = made.add_extension(names, critical=False)
    return made.sign(signer.key if signer else key, hashes.SHA256())


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
