"""A signing key at rest: encrypted, and bound to the mesh it belongs to. No I/O."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meltemi.citadel.issue import Authority
from meltemi.identity.certificate import (
    InvalidCertificateError,
    certificate_pem,
    parse_chain,
)
from meltemi.identity.keys import key_from_pem
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from cryptography import x509

KEY_BYTES = 32
NONCE_BYTES = 12
"""96 random bits, as NIST SP 800-38D 8.2.2 has it for so few encryptions."""


class UnsealError(MeshError):
    """An encrypted key cannot be opened: it is damaged, or not for this."""

    code = "citadel.unseal"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Bound:
    """What an encrypted key belongs to: it opens for nothing else."""

    trust_domain: str
    generation: int = 1

    def encode(self) -> bytes:
        """Return the data that the encryption authenticates."""
        return f"{self.trust_domain}:{self.generation}".encode()


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An authority as it is stored: the key encrypted, the certificate plain.

    Attributes:
        trust_domain: Whose it is. Bound to the key, as is the generation.
        generation: Counts the authorities of a trust domain, from 1.
        nonce: Base64, drawn for this encryption.
        key: Base64 of the encrypted PKCS #8 PEM and its tag.
        certificate: The root, PEM.

    """

    trust_domain: str
    generation: int
    nonce: str
    key: str
    certificate: str

    def open(self, kek: bytes, trust_domain: str) -> Authority:
        """Return the authority.

        Raises:
            UnsealError: If ``kek`` or ``trust_domain`` is another, or it is damaged.

        """
        if self.trust_domain != trust_domain:
            raise UnsealError(
                f"the key belongs to trust domain {self.trust_domain}, "
                f"this authority serves {trust_domain}"
            )
        bound = Bound(self.trust_domain, self.generation).encode()
        try:
            nonce, text = _unbase64(self.nonce), _unbase64(self.key)
            pem = AESGCM(kek).decrypt(nonce, text, bound).decode("ascii")
            (root,) = parse_chain(self.certificate)
            return Authority(key_from_pem(pem), root)
        except InvalidTag:
            raise UnsealError(
                "the key does not open: the encryption key is another than it was "
                "encrypted with, or the file was changed"
            ) from None
        except (ValueError, InvalidCertificateError) as error:
            raise UnsealError(f"it holds no key and certificate: {error}") from error

    def encode(self) -> bytes:
        """Return the stored form, JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Sealed:
        """Read the stored form; raise `UnsealError` if ``raw`` is none."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.DecodeError as error:
            raise UnsealError(f"it is no encrypted key: {error}") from error


def seal(
    key_pem: str, certificate: x509.Certificate, kek: bytes, bound: Bound, nonce: bytes
) -> Sealed:
    """Return an authority's key, PEM, encrypted by AES-256-GCM, and its certificate.

    ``nonce`` is `NONCE_BYTES` that were never used with ``kek``.
    """
    text = AESGCM(kek).encrypt(nonce, key_pem.encode(), bound.encode())
    return Sealed(
        bound.trust_domain,
        bound.generation,
        base64.b64encode(nonce).decode(),
        base64.b64encode(text).decode(),
        certificate_pem(certificate),
    )


def read_kek(raw: bytes) -> bytes:
    """Return the key encryption key that a file holds; raise `UnsealError`."""
    try:
        kek = _unbase64(raw.decode("ascii").strip())
    except ValueError:
        kek = b""
    if len(kek) != KEY_BYTES:
        raise UnsealError(
            f"expected {KEY_BYTES} bytes in base64 (openssl rand -base64 32), "
            f"found {len(kek)}"
        )
    return kek


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"bad base64: {error}") from error
