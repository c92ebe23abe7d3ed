"""TLS secrets of gateways: what is in one, what must hold for it, and how it is kept.

They lie at ``/mesh/secrets/v1/MESH/NAMESPACE/NAME``: sealed, and beside that what may
be shown of them. They are no configuration objects: no history, no events.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from meltemi.identity.certificate import (
    InvalidCertificateError,
    certificate_pem,
    certificate_public_der,
    parse_chain,
)
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from meltemi.identity.sealed import SealingKey

MOST_CERTIFICATES: Final = 10
LONGEST_CHAIN: Final = 64 * 1024
LONGEST_KEY: Final = 16 * 1024
LONGEST_ROOTS: Final = 256 * 1024
RSA_BITS: Final = (2048, 3072, 4096)
"""What Envoy's TLS library takes."""
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")

Name = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", max_length=253)
]


class InvalidSecretError(MeshError):
    """A certificate, its key and its chain do not make a secret a gateway can serve."""

    code = "secret.invalid"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class TlsSecret:
    """A certificate with its key, as PEM. The key is never printed.

    Attributes:
        chain: Leaf first.
        key: Of the leaf, unencrypted.
        roots: What clients' certificates are checked against; empty: nothing.
        allowed: Namespaces beside its own whose gateways may serve it.

    """

    chain: str
    key: str = field(repr=False)
    roots: str = ""
    allowed: tuple[str, ...] = ()


class KeptSecret(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A secret as it is kept; all but ``sealed`` may be shown."""

    namespace: str
    name: str
    sealed: str
    names: tuple[str, ...]
    """Hosts the certificate is for."""
    not_after: str
    """When it ends, RFC 3339."""
    fingerprint: str
    """SHA-256 of the leaf, in hex."""
    has_roots: bool
    allowed_namespaces: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"KeptSecret({self.place})"

    @property
    def place(self) -> str:
        """What it is called: ``NAMESPACE/NAME``."""
        return f"{self.namespace}/{self.name}"

    @property
    def is_gone(self) -> bool:
        """Whether it was deleted: Envoy has to be told to stop using what it holds."""
        return not self.sealed

    def shown(self) -> dict[str, object]:
        """Return what people get to see of it."""
        told: dict[str, object] = msgspec.to_builtins(self)
        del told["sealed"]
        return told

    def encoded(self) -> bytes:
        """Return it as the ledger keeps it."""
        return msgspec.json.encode(self)

    def opened(self, key: SealingKey) -> TlsSecret:
        """Return what is in it.

        Raises:
            SealError: If it was sealed with another key, or for another name.

        """
        plain = key.unseal(self.sealed, about=self.place)
        return msgspec.json.decode(plain, type=TlsSecret)


def secrets_prefix(mesh: str) -> str:
    """Return the prefix of all secrets of ``mesh``."""
    return f"/mesh/secrets/v1/{mesh}/"


def kept_secret(value: bytes) -> KeptSecret | None:
    """Return what `KeptSecret.encoded` stored; None: that is not what this is."""
    try:
        return msgspec.json.decode(value, type=KeptSecret)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def sealed_secret(
    secret: TlsSecret, namespace: str, name: str, key: SealingKey
) -> KeptSecret:
    """Return ``secret`` as it is to be kept under a name."""
    leaf = parse_chain(secret.chain)[0]
    return KeptSecret(
        namespace=namespace,
        name=name,
        sealed=key.seal(msgspec.json.encode(secret), about=f"{namespace}/{name}"),
        names=_names(leaf),
        not_after=leaf.not_valid_after_utc.isoformat(),
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        has_roots=bool(secret.roots),
        allowed_namespaces=secret.allowed,
    )


def checked_secret(secret: TlsSecret, *, now: datetime) -> TlsSecret:
    """Return ``secret`` in one spelling, if a gateway can serve it.

    Line ends and whatever stands around the PEM blocks are dropped.

    Raises:
        InvalidSecretError: Saying which part does not hold, and never what it holds.

    """
    chain = _certificates(secret.chain, "certificate", LONGEST_CHAIN)
    if len(chain) > MOST_CERTIFICATES:
        raise InvalidSecretError(
            f"the chain has {len(chain)} certificates: at most {MOST_CERTIFICATES} "
            "are served; leave the root out"
        )
    _check_order(chain)
    for each in chain:
        _check_validity(each, now)
    key = _key(secret.key)
    if _public(key) != certificate_public_der(chain[0]):
        raise InvalidSecretError(
            "the key is not that of the first certificate: the leaf comes first"
        )
    roots = (
        _certificates(secret.roots, "ca", LONGEST_ROOTS) if secret.roots.strip() else ()
    )
    return TlsSecret(
        certificate_pem(*chain),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        certificate_pem(*roots),
        tuple(sorted(set(secret.allowed))),
    )


def gone_secret(namespace: str, name: str) -> KeptSecret:
    """Return what is kept of a secret that was deleted: that it was there."""
    return KeptSecret(
        namespace=namespace,
        name=name,
        sealed="",
        names=(),
        not_after="",
        fingerprint="",
        has_roots=False,
    )


def _certificates(text: str, what: str, most: int) -> tuple[x509.Certificate, ...]:
    if len(text) > most:
        raise InvalidSecretError(f"{what} has {len(text)} bytes: at most {most}")
    try:
        return parse_chain(text)
    except InvalidCertificateError as error:
        raise InvalidSecretError(f"{what}: {error}") from error


def _check_order(chain: Sequence[x509.Certificate]) -> None:
    for number, (lower, upper) in enumerate(itertools.pairwise(chain), start=1):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise InvalidSecretError(
                f"certificate {number + 1} of the chain did not sign certificate "
                f"{number}: put the leaf first, then who signed it, and so on"
            ) from error


def _check_validity(certificate: x509.Certificate, now: datetime) -> None:
    if certificate.not_valid_after_utc <= now:
        raise InvalidSecretError(
            f"a certificate expired at {certificate.not_valid_after_utc:%FT%TZ}"
        )
    if certificate.not_valid_before_utc > now:
        raise InvalidSecretError(
            f"a certificate begins at {certificate.not_valid_before_utc:%FT%TZ} only"
        )


def _key(text: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    if len(text) > LONGEST_KEY:
        raise InvalidSecretError(f"key has {len(text)} bytes: at most {LONGEST_KEY}")
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise InvalidSecretError(
            "the key is encrypted: give one without a passphrase"
        ) from None
    except ValueError:  # its words may quote the key
        raise InvalidSecretError("the key is not a readable PEM private key") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size in RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return key
    raise InvalidSecretError(
        f"Envoy serves no {_called(key)}: use RSA of 2048, 3072 or 4096 bits, P-256, "
        "P-384 or P-521"
    )


def _called(key: object) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"key on the curve {key.curve.name}"
    return "Ed25519 key" if isinstance(key, ed25519.Ed25519PrivateKey) else "such key"


def _public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return tuple(found.value.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
