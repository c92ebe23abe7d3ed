"""Believing a workload's proof of who it is: the other half of `workload_proof`."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import load_der_x509_certificate

from meltemi.identity.certificate import (
    InvalidCertificateError,
    parse_chain,
    verify_chain,
)
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from meltemi.kernel.identity import SpiffeId, TrustDomains

LONGEST_LIFE = 120
"""Seconds a proof may be good for: it is made for one request."""
LEEWAY = 30
"""Seconds by which the clocks of two machines may differ."""
LONGEST = 32 * 1024
LONGEST_CHAIN = 6
COORDINATE_BYTES = 32
PARTS = 3


class InvalidProofError(MeshError):
    """A proof is malformed, out of date, for somebody else, or by a stranger."""

    code = "proof.invalid"
    blame = Blame.CALLER


class _Header(msgspec.Struct, frozen=True):
    alg: str
    x5c: tuple[str, ...]


class _Claims(msgspec.Struct, frozen=True):
    aud: str
    iat: int
    exp: int


def verify_proof(
    token: str,
    bundle: bytes,
    *,
    audience: str,
    domains: TrustDomains,
    now: datetime,
) -> SpiffeId:
    """Return the identity that ``token`` proves.

    Args:
        token: The JWT `workload_proof.sign_proof` made.
        bundle: The mesh's root certificates, PEM.
        audience: Who we are: a proof made for somebody else is none for us.
        domains: The only ones believed.
        now: The current time, timezone-aware.

    Raises:
        InvalidProofError: Saying what does not hold.

    Source:
        RFC 7519 §7.2 (validating a JWT), RFC 7515 §4.1.6 (x5c), RFC 8725 §3.1 (one
        algorithm, chosen by us).

    """
    header, claims, signed, signature = _parsed(token)
    if header.alg != "ES256":
        raise InvalidProofError(f"a proof is signed with ES256, not {header.alg!r}")
    _check_claims(claims, audience, now)
    chain = _chain(header.x5c)
    identity = _verified(chain, bundle, now)
    _check_signature(chain[0], signed, signature)
    if identity.trust_domain not in domains.names:
        raise InvalidProofError(
            f"{identity} is not of the trust domain {domains.own!r}"
        )
    return identity


def _parsed(token: str) -> tuple[_Header, _Claims, bytes, bytes]:
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != PARTS:
        raise InvalidProofError("a proof is a JWT: three parts, at most 32 KiB")
    try:
        header = msgspec.json.decode(_bytes(parts[0]), type=_Header)
        claims = msgspec.json.decode(_bytes(parts[1]), type=_Claims)
        signature = _bytes(parts[2])
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidProofError(f"the proof is malformed: {error}") from error
    return header, claims, f"{parts[0]}.{parts[1]}".encode(), signature


def _bytes(part: str) -> bytes:
    padded = part + "=" * (-len(part) % 4)
    return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)


def _check_claims(claims: _Claims, audience: str, now: datetime) -> None:
    at = now.timestamp()
    if claims.aud != audience:
        raise InvalidProofError(f"the proof is for {claims.aud!r}, not {audience!r}")
    if not 0 < claims.exp - claims.iat <= LONGEST_LIFE:
        raise InvalidProofError(f"a proof is good for at most {LONGEST_LIFE} s")
    if claims.iat > at + LEEWAY:
        raise InvalidProofError("the proof is from the future: compare the clocks")
    if claims.exp < at - LEEWAY:
        raise InvalidProofError("the proof has expired: sign a new one, check clocks")


def _chain(x5c: tuple[str, ...]) -> list[Certificate]:
    if not 1 <= len(x5c) <= LONGEST_CHAIN:
        raise InvalidProofError(f"x5c holds 1 to {LONGEST_CHAIN} certificates")
    try:
        return [
            load_der_x509_certificate(base64.b64decode(each, validate=True))
            for each in x5c
        ]
    except (ValueError, binascii.Error) as error:
        raise InvalidProofError(f"x5c is malformed: {error}") from error


def _verified(chain: Sequence[Certificate], bundle: bytes, now: datetime) -> SpiffeId:
    try:
        return verify_chain(chain, parse_chain(bundle), now=now)
    except InvalidCertificateError as error:
        raise InvalidProofError(
            f"the certificate is not one of this mesh: {error}"
        ) from error


def _check_signature(leaf: Certificate, signed: bytes, signature: bytes) -> None:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(
        key.curve, ec.SECP256R1
    ):
        raise InvalidProofError("the certificate's key is not on P-256")
    if len(signature) != 2 * COORDINATE_BYTES:
        raise InvalidProofError("an ES256 signature has 64 bytes")
    r = int.from_bytes(signature[:COORDINATE_BYTES])
    s = int.from_bytes(signature[COORDINATE_BYTES:])
    try:
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise InvalidProofError("the signature is not by the certificate's key") from (
            error
        )
