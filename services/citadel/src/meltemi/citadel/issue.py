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

from meltemi.identity.certificate import certificate_pem, certificate_public_der
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    from meltemi.citadel.csr import PublicKey
    from meltemi.kernel.identity import SpiffeId

BACKDATE = timedelta(minutes=2)
"""Clocks of peers may be this far behind. Istio: ClockSkewGracePeriod."""

ROOT_LIFETIME = timedelta(days=3650)
"""Istio's CITADEL_SELF_SIGNED_CA_CERT_TTL."""

SHORTEST = timedelta(minutes=10)
"""Less than that left is not worth a certificate, unless that little was asked."""


LOCAL_IP = "127.0.0.1"


def local_names(account: str) -> str:
    """Return the DNS names a control service is reached by, as Vault's API lists."""
    return f"{account},localhost"


class SignerExpiredError(MeshError):
    """The authority's own certificate ends too soon to sign with."""

    code = "citadel.signer-expired"
    blame = Blame.PEER


class BadAuthorityError(MeshError):
    """A key and certificates that cannot sign together."""

    code = "citadel.bad-authority"
    blame = Blame.OURS


@dataclass(frozen=True, slots=True)
class Authority:
    """A signing key, its certificate, and what makes others believe it.

    Attributes:
        key: What signs.
        certificate: The key's own: a root, or an intermediate below one.
        above: Certificates from the intermediate's issuer up to the root, without it.
        roots: What a workload must believe. Empty for a root that stands alone.

    """

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...] = ()
    roots: tuple[x509.Certificate, ...] = ()

    @property
    def trusted(self) -> tuple[x509.Certificate, ...]:
        """The trust bundle: every root a workload must believe."""
        return self.roots or (self.certificate,)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What goes out between a leaf and the roots."""
        if self.certificate in self.trusted:
            return ()
        return (self.certificate, *self.above)

    @property
    def expires(self) -> datetime:
        """When the first of its certificates ends: nothing it signs holds longer."""
        line = (self.certificate, *self.above)
        return min(each.not_valid_after_utc for each in line)

    @property
    def bundle_pem(self) -> str:
        """The trust bundle as PEM."""
        return certificate_pem(*self.trusted)


@dataclass(frozen=True, slots=True)
class Template:
    """What goes into a certificate.

    Attributes:
        identity: The one URI SAN.
        key: Whom the certificate speaks for.
        lifetime: From now to the end of validity.
        local_server: Add the names a service of the control plane is reached by:
            its account as DNS name, and this machine.
        csr: The request, PEM, by which the key's holder proved to hold it: a signer
            elsewhere wants to see that for itself, and one here does not look.

    """

    identity: SpiffeId
    key: PublicKey
    lifetime: timedelta
    local_server: bool = False
    csr: str = ""

    def names(self) -> list[x509.GeneralName]:
        """Return the SANs, the identity first."""
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(str(self.identity))
        ]
        if self.local_server:
            dns = local_names(self.identity.service_account).split(",")
            names += [x509.DNSName(each) for each in dns]
            names.append(x509.IPAddress(IPv4Address(LOCAL_IP)))
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
    """Return the certificate of ``template``, unchecked.

    It ends with the authority's own at the latest.

    Raises:
        SignerExpiredError: If the authority's certificate ends before that is useful.

    """
    until = min(now + template.lifetime, authority.expires)
    check_remaining(until, template.lifetime, now=now)
    builder = x509.CertificateBuilder(
        issuer_name=authority.certificate.subject,
        subject_name=x509.Name([]),
        public_key=template.key,
        serial_number=serial,
        not_valid_before=now - BACKDATE,
        not_valid_after=until,
        extensions=_leaf_extensions(authority, template),
    )
    return builder.sign(authority.key, hashes.SHA256())


def check_remaining(until: datetime, lifetime: timedelta, *, now: datetime) -> None:
    """Make sure that a certificate which ends at ``until`` is worth handing out.

    Raises:
        SignerExpiredError: If less than half of ``lifetime`` is left, and less than
            ten minutes.

    """
    if until - now < min(lifetime / 2, SHORTEST):
        raise SignerExpiredError(
            f"the authority's certificate ends at {until:%FT%TZ}: rotate it"
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


def check_authority(authority: Authority, *, now: datetime) -> None:
    """Make sure a stored root can sign.

    Raises:
        BadAuthorityError: If the key is not the certificate's, or that is no root.
        SignerExpiredError: If it has expired.

    """
    root = authority.certificate
    try:
        root.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise BadAuthorityError(f"the root is not self-signed: {error}") from error
    check_signing_key(authority)
    if root.not_valid_after_utc <= now:
        raise SignerExpiredError(f"the root ended at {root.not_valid_after_utc:%FT%TZ}")


def check_signing_key(authority: Authority) -> None:
    """Make sure the key is its certificate's, and that may sign others.

    Raises:
        BadAuthorityError: If not.

    """
    extensions = authority.certificate.extensions
    try:
        ca = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound) as error:
        raise BadAuthorityError(
            f"the certificate is no authority's: {error}"
        ) from error
    public = authority.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if not ca:
        raise BadAuthorityError("the certificate is no authority's: CA is false")
    if certificate_public_der(authority.certificate) != public:
        raise BadAuthorityError("certificate and key do not belong together")


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
