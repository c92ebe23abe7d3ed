"""The messages of the SPIFFE Workload API that carry X.509. No I/O.

All their fields are of one wire type, bytes with a length before them, so they are
written here as they travel: another library with the same messages, which have no
package, would clash with generated ones in one process.

Source:
    SPIFFE Workload API, workload.proto; X.509 material is DER, certificates joined,
    the key PKCS #8.

"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import serialization

from meltemi.identity.certificate import spiffe_id
from meltemi.kernel.varint import varint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509

    from meltemi.identity.credential import Credential

SERVICE: Final = "SpiffeWorkloadAPI"
HEADER: Final = "workload.spiffe.io"
"""gRPC metadata without which nothing is answered: a browser or a proxy that is made
to call the socket cannot know to send it."""

BYTES_WITH_LENGTH: Final = 2
SEVEN_BITS: Final = 0x7F


def x509_svids(credential: Credential) -> bytes:
    """Return an ``X509SVIDResponse``: the workload's own identity, with its key."""
    key = credential.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    svid = (
        field(1, str(spiffe_id(credential.leaf)).encode())
        + field(2, _der(credential.chain))
        + field(3, key)
        + field(4, _der(credential.roots))
    )
    return field(1, svid) + _foreign(3, credential)


def x509_bundles(credential: Credential) -> bytes:
    """Return an ``X509BundlesResponse``: the roots of every trust domain believed."""
    own = _bundle(2, spiffe_id(credential.leaf).trust_domain, credential.roots)
    return own + _foreign(2, credential)


def _foreign(number: int, credential: Credential) -> bytes:
    return b"".join(
        _bundle(number, each.trust_domain, each.certificates)
        for each in credential.federation.foreign
    )


def _bundle(number: int, trust_domain: str, roots: Iterable[x509.Certificate]) -> bytes:
    """Return one entry of a map from trust domains to roots."""
    name = f"spiffe://{trust_domain}".encode()
    return field(number, field(1, name) + field(2, _der(roots)))


def _der(certificates: Iterable[x509.Certificate]) -> bytes:
    der = serialization.Encoding.DER
    return b"".join(each.public_bytes(der) for each in certificates)


def field(number: int, content: bytes) -> bytes:
    """Return one field as it travels (Protocol Buffers encoding, wire type LEN)."""
    tag = number << 3 | BYTES_WITH_LENGTH
    return varint(tag) + varint(len(content)) + content
