"""From a checked key and a proved identity to a certificate. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meltemi.identity.certificate import (
    InvalidCertificateError,
    certificate_pem,
    certificate_public_der,
    verify_chain,
)
from meltemi.identity.keys import public_der
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from meltemi.citadel.csr import PublicKey
    from meltemi.kernel.identity import SpiffeId

BACKDATE = timedelta(minutes=2)
"""Clocks of peers may be this far behind. Istio: ClockSkewGracePeriod."""

ROOT_LIFETIME = timedelta(days=3650)
"""Istio's CITADEL_SELF_SIGNED_CA_CERT_TTL."""

SERIAL_BITS = 127
"""Random and positive within the 20 octets of RFC 5280 4.1.2.2; CA/B wants 64."""


class SignerExpiredError(MeshError):
    """The authority's own certificate ends too soon to sign with."""

    code = "citadel.signer-expired"
    blame = Blame.PEER


class BadIssueError(MeshError):
    """The authority made a certificate that fails its own check. It stays here."""

    code = "citadel.bad-issue"
    blame = Blame.OURS


@dataclass(frozen=True, slots=True)
class Authority:
    """A signing key and the self-signed certificate that is the mesh's root."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def bundle_pem(self) -> str:
        """The trust bundle: every root a workload must believe."""
        return certificate_pem(self.certificate)


@dataclass(frozen=True, slots=True)
class Template:
    """What goes into a certificate.

    Attributes:
        identity: The one URI SAN.
        key: Whom the certificate speaks for.
        lifetime: From now to the end of validity.
        local_server: Add the names a service of the control plane is reached by:
            its account as DNS name, and this machine.

    """

    identity: SpiffeId
    key: PublicKey
    lifetime: timedelta
    local_server: bool = False

    def names(self) -> list[x509.GeneralName]:
        """Return the SANs, the identity first."""
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(str(self.identity))
        ]
        if self.local_server:
            names += [
                x509.DNSName(self.identity.service_account),
                x509.DNSName("localhost"),
                x509.IPAddress(IPv4Address("127.0.0.1")),
            ]
        return names


def create_root(
    key: ec.EllipticCurvePrivateKey, *, trust_domain: str, now: datetime, serial: int
) -> Authority:
    """Return a new authority: ``key`` signs its own certificate for ten years.

    The subject is ``O=trust domain`` as in Istio's self-signed root.
    """
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, trust_domain)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=serial,
        not_valid_before=now - BACKDATE,
        not_valid_after=now + ROOT_LIFETIME,
        extensions=[
            _critical(x509.BasicConstraints(ca=True, path_length=None)),
            _critical(_usage(signs_certificates=True)),
            _plain(identifier),
            _plain(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    identifier
                )
            ),
        ],
    )
    return Authority(key, builder.sign(key, hashes.SHA256()))


def issue(
    authority: Authority, template: Template, *, now: datetime, serial: int
) -> x509.Certificate:
    """Return the certificate of ``template``, checked as a stranger would check it.

    It ends with the authority's own at the latest.

    Raises:
        SignerExpiredError: If the authority's certificate ends before that is useful.
        BadIssueError: If what was made does not pass the check of its own making.

    """
    until = min(now + template.lifetime, authority.certificate.not_valid_after_utc)
    if until - now < min(template.lifetime / 2, timedelta(minutes=10)):
        raise SignerExpiredError(
            f"the root ends at {authority.certificate.not_valid_after_utc:%FT%TZ}: "
            "rotate it"
        )
    builder = x509.CertificateBuilder(
        issuer_name=authority.certificate.subject,
        subject_name=x509.Name([]),
        public_key=template.key,
        serial_number=serial,
        not_valid_before=now - BACKDATE,
        not_valid_after=until,
        extensions=_leaf_extensions(authority, template),
    )
    return _rechecked(
        builder.sign(authority.key, hashes.SHA256()), authority, template, now
    )


def _leaf_extensions(
    authority: Authority, template: Template
) -> list[x509.Extension[x509.ExtensionType]]:
    issuer = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())
    return [
        _critical(_usage(signs_certificates=False)),
        _plain(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            )
        ),
        _critical(x509.BasicConstraints(ca=False, path_length=None)),
        _plain(x509.SubjectKeyIdentifier.from_public_key(template.key)),
        _plain(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer)),
        # RFC 5280 4.2.1.6: with an empty subject the SAN must be critical.
        _critical(x509.SubjectAlternativeName(template.names())),
    ]


def _rechecked(
    made: x509.Certificate, authority: Authority, template: Template, now: datetime
) -> x509.Certificate:
    """Return ``made`` as read back from its bytes, if it says what it should."""
    again = x509.load_der_x509_certificate(_der(made))
    try:
        named = verify_chain([again], [authority.certificate], now=now)
    except InvalidCertificateError as error:
        raise BadIssueError(f"serial {made.serial_number:x}: {error}") from error
    same_key = again.public_key() == template.key
    constraints = again.extensions.get_extension_for_class(x509.BasicConstraints).value
    names = again.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if (
        named != template.identity
        or not same_key
        or constraints.ca
        or list(names) != template.names()
        or again.not_valid_after_utc > now + template.lifetime
    ):
        raise BadIssueError(f"serial {made.serial_number:x} is not what was asked for")
    return again


def check_authority(authority: Authority, *, now: datetime) -> None:
    """Make sure a stored authority can sign.

    Raises:
        BadIssueError: If the key is not the certificate's, or that is no root.
        SignerExpiredError: If it has expired.

    """
    root = authority.certificate
    try:
        root.verify_directly_issued_by(root)
        ca = root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise BadIssueError(f"the stored root is not self-signed: {error}") from error
    if not ca or certificate_public_der(root) != public_der(authority.key):
        raise BadIssueError("the stored root and the stored key do not belong together")
    if root.not_valid_after_utc <= now:
        raise SignerExpiredError(f"the root ended at {root.not_valid_after_utc:%FT%TZ}")


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _critical(value: x509.ExtensionType) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical=True, value=value)


def _plain(value: x509.ExtensionType) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical=False, value=value)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
