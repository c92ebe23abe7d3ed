"""An authority at rest: its key sealed, and bound to the mesh it belongs to. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from meltemi.citadel.issue import Authority
from meltemi.identity.certificate import (
    InvalidCertificateError,
    certificate_pem,
    parse_chain,
)
from meltemi.identity.keys import key_from_pem
from meltemi.identity.sealed import SealError
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from cryptography import x509

    from meltemi.identity.sealed import SealingKey
    from meltemi.kernel.identity import TrustDomains


class UnsealError(MeshError):
    """A sealed authority cannot be opened: it is damaged, or not for this."""

    code = "citadel.unseal"
    blame = Blame.CALLER


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An authority as it is stored: the key sealed, the certificate plain.

    Attributes:
        trust_domain: Whose it is. The key opens for no other, nor for another
            generation; but a mesh that was called otherwise may be the same.
        generation: Counts the authorities of a trust domain, from 1.
        key: The sealed PKCS #8 PEM.
        certificate: The root, PEM.

    """

    trust_domain: str
    generation: int
    key: str
    certificate: str

    def open(self, kek: SealingKey, domains: TrustDomains) -> Authority:
        """Return the authority.

        Raises:
            UnsealError: If ``kek`` is another, its trust domain none of ``domains``,
                or it is damaged.

        """
        if self.trust_domain not in domains.names:
            raise UnsealError(
                f"the key belongs to trust domain {self.trust_domain}, this authority "
                f"serves {domains.own}: name the other in MeshConfig's "
                "trustDomainAliases if it is the same mesh"
            )
        try:
            about = _about(self.trust_domain, self.generation)
            pem = kek.unseal(self.key, about=about).decode("ascii")
            (root,) = parse_chain(self.certificate)
            return Authority(key_from_pem(pem), root)
        except SealError as error:
            raise UnsealError(str(error)) from error
        except (ValueError, InvalidCertificateError) as error:
            raise UnsealError(f"it holds no key and certificate: {error}") from error

    def encode(self) -> bytes:
        """Return the stored form, JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read the stored form; raise `UnsealError` if ``raw`` is none."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.DecodeError as error:
            raise UnsealError(f"it is no sealed authority: {error}") from error


def seal(
    key_pem: str,
    certificate: x509.Certificate,
    kek: SealingKey,
    trust_domain: str,
    generation: int = 1,
) -> Sealed:
    """Return an authority with its key, PEM, sealed by ``kek``."""
    text = kek.seal(key_pem.encode(), about=_about(trust_domain, generation))
    return Sealed(trust_domain, generation, text, certificate_pem(certificate))


def _about(trust_domain: str, generation: int) -> str:
    return f"authority {generation} of {trust_domain}"
