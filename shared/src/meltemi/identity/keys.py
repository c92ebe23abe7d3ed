"""Workload keys: born where they are used, written down only for their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meltemi.identity.certificate import InvalidCertificateError

if TYPE_CHECKING:
    from meltemi.kernel.identity import SpiffeId


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Return ``key`` as unencrypted PKCS #8 PEM. The caller guards it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def key_from_pem(pem: str) -> ec.EllipticCurvePrivateKey:
    """Read what `key_to_pem` wrote.

    Raises:
        InvalidCertificateError: If it is not an unencrypted elliptic-curve key.

    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise InvalidCertificateError("the private key is not readable PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidCertificateError(
            "the private key is not an elliptic-curve key, which is the one kind used"
        )
    return key


def public_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the SubjectPublicKeyInfo of ``key``, to compare with a certificate's."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def build_csr(key: ec.EllipticCurvePrivateKey, identity: SpiffeId) -> str:
    """Return the PEM request that asks for ``identity`` and proves ``key`` is held.

    The subject is empty and the name stands in the SAN alone, as in Istio's agent.
    """
    name = x509.UniformResourceIdentifier(str(identity))
    builder = x509.CertificateSigningRequestBuilder(
        subject_name=x509.Name([]),
        extensions=[
            x509.Extension(
                x509.SubjectAlternativeName.oid,
                critical=True,
                value=x509.SubjectAlternativeName([name]),
            )
        ],
    )
    request = builder.sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()
