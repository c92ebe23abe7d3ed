"""Certificates as values: parsing, the name inside, and whom to believe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import verification

from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.identity import InvalidIdentityError, SpiffeId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

BUNDLE_LIMIT = 1 << 20
"""Bytes of PEM read at most: a bundle of a thousand roots."""


class InvalidCertificateError(MeshError):
    """A certificate, a chain or a key is not what it must be."""

    code = "identity.invalid-certificate"
    blame = Blame.CALLER


def parse_chain(pem: str | bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of ``pem`` in order, at least one.

    Raises:
        InvalidCertificateError: If there is none, or one is malformed.

    """
    raw = pem.encode() if isinstance(pem, str) else pem
    if len(raw) > BUNDLE_LIMIT:
        raise InvalidCertificateError(
            f"{len(raw)} bytes of certificates: the limit is {BUNDLE_LIMIT}"
        )
    try:
        return tuple(x509.load_pem_x509_certificates(raw))
    except ValueError as error:
        raise InvalidCertificateError(f"no readable certificates: {error}") from error


def certificate_pem(*certificates: x509.Certificate) -> str:
    """Return ``certificates`` as PEM, each ending in a newline."""
    return "".join(
        each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates
    )


def certificate_public_der(certificate: x509.Certificate) -> bytes:
    """Return the SubjectPublicKeyInfo a certificate speaks for."""
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def spiffe_id(certificate: x509.Certificate) -> SpiffeId:
    """Return the workload that ``certificate`` names.

    Raises:
        InvalidCertificateError: Unless exactly one URI SAN stands in it, that is a
            workload's id, and it is no authority's.

    Source:
        X.509-SVID 2: exactly one URI SAN, whatever other names there are; 4.1: a leaf
        is no authority.

    """
    if _is_authority(certificate):
        raise InvalidCertificateError("an authority's certificate is no workload's")
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise InvalidCertificateError(f"no usable SAN extension: {error}") from error
    if len(uris) != 1:
        raise InvalidCertificateError(f"expected one URI SAN, found {len(uris)}")
    try:
        return SpiffeId.parse(uris[0])
    except InvalidIdentityError as error:
        raise InvalidCertificateError(str(error)) from error


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(
            x509.BasicConstraints
        )
    except x509.ExtensionNotFound:
        return False
    except (x509.DuplicateExtension, ValueError) as error:
        raise InvalidCertificateError(f"no readable extensions: {error}") from error
    return constraints.value.ca


def verify_chain(
    chain: Sequence[x509.Certificate],
    roots: Iterable[x509.Certificate],
    *,
    now: datetime,
) -> SpiffeId:
    """Return the workload ``chain`` proves, leaf first, under one of ``roots``.

    Raises:
        InvalidCertificateError: If a signature, a date, a usage or the name is wrong.

    """
    verify_path(chain, roots, now=now)
    return spiffe_id(chain[0])


def verify_path(
    chain: Sequence[x509.Certificate],
    roots: Iterable[x509.Certificate],
    *,
    now: datetime,
) -> None:
    """Make sure ``chain``, leaf first, holds under one of ``roots``, whatever it names.

    Raises:
        InvalidCertificateError: If a signature, a date or a usage is wrong.

    """
    if not chain:
        raise InvalidCertificateError("the chain is empty: expected a leaf")
    leaf, *others = chain
    try:
        policy = verification.PolicyBuilder().store(verification.Store(list(roots)))
        policy.time(now).build_client_verifier().verify(leaf, others)
    except (verification.VerificationError, ValueError) as error:
        raise InvalidCertificateError(
            f"the chain does not hold under the trust bundle: {error}"
        ) from error


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate, hex, as operators compare it."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def key_identifier(certificate: x509.Certificate) -> str:
    """Return which key ``certificate`` is of, in hexadecimal; empty: it does not say.

    Source: RFC 5280, 4.2.1.2, the subject key identifier.
    """
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        )
    except x509.ExtensionNotFound:
        return ""
    return found.value.digest.hex()


def authority_identifier(certificate: x509.Certificate) -> str:
    """Return which key signed ``certificate``, in hexadecimal; empty: it does not say.

    Source: RFC 5280, 4.2.1.1, the authority key identifier.
    """
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.AuthorityKeyIdentifier
        )
    except x509.ExtensionNotFound:
        return ""
    return (found.value.key_identifier or b"").hex()
