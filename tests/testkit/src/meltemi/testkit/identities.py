"""A certificate authority for tests, and workloads it knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
"""When everything signed here begins to be valid, for a day."""


@dataclass(frozen=True)
class Identity:
    """A workload's key and its certificate, which the authority's root signed."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]


class Authority:
    """Signs what it is asked to sign."""

    def __init__(self, name: str = "root") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key.public_key())
        usage = _key_usage(signs_certificates=True)
        basic = x509.BasicConstraints(ca=True, path_length=None)
        builder = builder.add_extension(basic, critical=True)
        builder = builder.add_extension(usage, critical=True)
        self.root = builder.sign(self._key, hashes.SHA256())

    @property
    def bundle(self) -> bytes:
        """The root certificate, PEM."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def identity(self, *uris: str) -> Identity:
        """Return a key and a certificate that names ``uris``."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier(uri) for uri in uris]
        )
        uses = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        )
        usage = _key_usage(signs_certificates=False)
        builder = self._builder(x509.Name([]), key.public_key())
        builder = builder.add_extension(names, critical=True)
        builder = builder.add_extension(uses, critical=False)
        builder = builder.add_extension(usage, critical=True)
        return Identity(key, (builder.sign(self._key, hashes.SHA256()),))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGIN)
            .not_valid_after(BEGIN + timedelta(days=1))
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self._key.public_key()
                ),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key), critical=False
            )
        )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
