"""A credential: a key, the chain that speaks for it, and the roots it came with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.identity.certificate import (
    InvalidCertificateError,
    certificate_pem,
    certificate_public_der,
    parse_chain,
    verify_chain,
)
from meltemi.identity.federation import NOBODY, Federation
from meltemi.identity.keys import key_to_pem, public_der

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    from meltemi.kernel.identity import SpiffeId

MINIMUM_ANSWER = 2
"""Elements of an answer: a leaf and the root bundle. Istio's agent refuses fewer."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a workload holds to be itself. Its key is never printed."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    federation: Federation = NOBODY
    """Whose workloads are believed beside those of ``roots``."""

    @classmethod
    def from_answer(
        cls, key: ec.EllipticCurvePrivateKey, answer: tuple[str, ...]
    ) -> Credential:
        """Read an authority's answer: PEM texts, leaf first, root bundle last.

        Raises:
            InvalidCertificateError: If it is short or holds no readable certificates.

        """
        if len(answer) < MINIMUM_ANSWER:
            raise InvalidCertificateError(
                f"the answer holds {len(answer)} texts: expected a chain and the roots"
            )
        chain = tuple(each for pem in answer[:-1] for each in parse_chain(pem))
        return cls(key, chain, parse_chain(answer[-1]))

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate of the workload itself."""
        return self.chain[0]

    @property
    def key_pem(self) -> str:
        """The private key as PEM, for whoever serves TLS with it."""
        return key_to_pem(self.key)

    @property
    def chain_pem(self) -> str:
        """The chain as PEM, leaf first, without the root."""
        return certificate_pem(*self.chain)

    @property
    def roots_pem(self) -> str:
        """The trust bundle as PEM."""
        return certificate_pem(*self.roots)

    def check(self, expected: SpiffeId, *, now: datetime) -> None:
        """Make sure this is ``expected``'s, usable at ``now``, and of one piece.

        Raises:
            InvalidCertificateError: If the key is another's, the name is not
                ``expected``, or the chain does not hold under the roots.

        """
        if certificate_public_der(self.leaf) != public_der(self.key):
            raise InvalidCertificateError("the certificate is for another key")
        found = verify_chain(self.chain, self.roots, now=now)
        if found != expected:
            raise InvalidCertificateError(
                f"the certificate names {found}, expected {expected}"
            )
