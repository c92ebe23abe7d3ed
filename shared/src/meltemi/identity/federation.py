"""Authorities beside the mesh's own, each bound to the trust domain it may speak for.

On the wire it travels beside the mesh's bundle (`trust`), in a field of our own that
Istio's agents pass over: they go on believing the mesh's own roots alone.
"""

# msgspec reads the annotations when the program runs, so their imports stay here.
import hashlib

import msgspec
from cryptography import x509

from meltemi.identity.certificate import parse_chain


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Roots, PEM, that speak for workloads of one trust domain and of no other."""

    trust_domain: str
    roots: tuple[str, ...]

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The roots; raise `InvalidCertificateError` if one is none."""
        return tuple(each for pem in self.roots for each in parse_chain(pem))


class Federation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is believed beside the mesh's bundle.

    Attributes:
        own: What the mesh itself is called: its bundle speaks for these.
        anchors: The others, by trust domain, each once; one of ``own`` adds to the
            bundle.

    """

    own: tuple[str, ...] = ()
    anchors: tuple[Anchor, ...] = ()

    @property
    def foreign(self) -> tuple[Anchor, ...]:
        """The anchors of other meshes."""
        return tuple(each for each in self.anchors if each.trust_domain not in self.own)

    @property
    def added(self) -> tuple[str, ...]:
        """Roots, PEM, that speak for the mesh itself beside its bundle."""
        return tuple(
            dict.fromkeys(
                pem
                for each in self.anchors
                if each.trust_domain in self.own
                for pem in each.roots
            )
        )

    @property
    def version(self) -> str:
        """What differs when it does: 32 hex digits; empty for nothing."""
        if not self.anchors:
            return ""
        return hashlib.blake2b(msgspec.json.encode(self), digest_size=16).hexdigest()


NOBODY = Federation()
"""A mesh that believes itself alone."""
