"""Signing requests that are not what they should be, each with what it is told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from meltemi.citadel.csr import CSR_LIMIT
from meltemi.identity.keys import build_csr, new_key
from meltemi.testkit.authority import RATINGS, REVIEWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
    )


def signed(
    key: CertificateIssuerPrivateKeyTypes, *names: x509.GeneralName, ca: bool = False
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(names), critical=True
        )
    if ca:
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = builder.sign(key, algorithm)
    return request.public_bytes(serialization.Encoding.PEM).decode()


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def der(pem: str) -> bytes:
    return base64.b64decode("".join(pem.splitlines()[1:-1]))


def pem(raw: bytes, label: str = "CERTIFICATE REQUEST") -> str:
    text = base64.encodebytes(raw).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"


def flipped(position: int) -> str:
    raw = bytearray(der(build_csr(new_key(), REVIEWS)))
    raw[position] ^= 1
    return pem(bytes(raw))


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element."""
    body = b"".join(parts)
    size = len(body)
    long = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = bytes([size]) if size < 128 else bytes([0x80 | len(long)]) + long
    return bytes([tag]) + length + body


def explicit_curve() -> str:
    """A request whose P-256 is spelled out by its parameters, as OpenSSL can."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    one = ec.derive_private_key(1, ec.SECP256R1()).public_key()
    key = new_key()
    forms = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    parameters = tlv(
        0x30,
        tlv(2, b"\1"),
        tlv(
            0x30,
            tlv(6, bytes.fromhex("2a8648ce3d0101")),
            tlv(2, b"\0" + prime.to_bytes(32, "big")),
        ),
        tlv(
            0x30, tlv(4, (prime - 3).to_bytes(32, "big")), tlv(4, b.to_bytes(32, "big"))
        ),
        tlv(4, one.public_bytes(*forms)),
        tlv(2, b"\0" + order.to_bytes(32, "big")),
        tlv(2, b"\1"),
    )
    algorithm = tlv(0x30, tlv(6, bytes.fromhex("2a8648ce3d0201")), parameters)
    point = tlv(3, b"\0", key.public_key().public_bytes(*forms))
    signed_part = tlv(
        0x30, tlv(2, b"\0"), tlv(0x30), tlv(0x30, algorithm, point), tlv(0xA0)
    )
    signature = key.sign(signed_part, ec.ECDSA(hashes.SHA256()))
    sha256 = tlv(0x30, tlv(6, bytes.fromhex("2a8648ce3d040302")))
    return pem(tlv(0x30, signed_part, sha256, tlv(3, b"\0", signature)))


GOOD = build_csr(new_key(), REVIEWS)
OTHER = build_csr(new_key(), RATINGS)
SAME = str(REVIEWS)

LIES: dict[str, tuple[Callable[[], str], str]] = {
    "nothing": (lambda: "", "one PEM block"),
    "no PEM": (lambda: "please", "one PEM block"),
    "four megabytes": (lambda: "A" * (4 << 20), str(CSR_LIMIT)),
    "two requests": (lambda: GOOD + OTHER, "one PEM block"),
    "junk before the PEM": (lambda: "junk\n" + GOOD, "one PEM block"),
    "another label": (lambda: pem(der(GOOD), "NEW CERTIFICATE REQUEST"), "one PEM"),
    "trailing bytes": (lambda: pem(der(GOOD) + b"\0"), "no PKCS #10"),
    "bad base64": (lambda: GOOD.replace("\nM", "\n=M", 1), "no PKCS #10"),
    "a version there is none of": (
        # SEQUENCE, its length, SEQUENCE, its length, INTEGER 0 of one byte
        lambda: pem(der(GOOD).replace(b"\x02\x01\x00", b"\x02\x01\x07", 1)),
        "no PKCS #10",
    ),
    "a signature of nobody": (lambda: flipped(-1), "possession"),
    "another's name": (lambda: OTHER, SAME),
    "one name too many": (
        lambda: signed(new_key(), uri(SAME), x509.DNSName("admin")),
        "found 2 name",
    ),
    "a name with a NUL": (lambda: signed(new_key(), uri(SAME + "\0x")), SAME),
    "an upper-case trust domain": (
        lambda: signed(new_key(), uri(SAME.replace("cluster", "CLUSTER"))),
        SAME,
    ),
    "a percent-encoded name": (lambda: signed(new_key(), uri(SAME + "%2e")), SAME),
    "a DNS name alone": (lambda: signed(new_key(), x509.DNSName("reviews")), SAME),
    "RSA-1024": (
        lambda: signed(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - the lie
        "not allowed",
    ),
    "RSA with exponent 3": (
        lambda: signed(rsa.generate_private_key(3, 2048)),
        "not allowed",
    ),
    "secp256k1": (
        lambda: signed(ec.generate_private_key(ec.SECP256K1())),
        "not allowed",
    ),
    "brainpool": (
        lambda: signed(ec.generate_private_key(ec.BrainpoolP256R1())),
        "not allowed",
    ),
    "P-521": (lambda: signed(ec.generate_private_key(ec.SECP521R1())), "not allowed"),
    "a curve spelled out": (explicit_curve, "not allowed"),
    "DSA": (lambda: signed(dsa.generate_private_key(2048)), "not allowed"),
    "Ed25519": (lambda: signed(ed25519.Ed25519PrivateKey.generate()), "not allowed"),
}
