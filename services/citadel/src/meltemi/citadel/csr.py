"""What a certificate signing request must be before its key is certified. No I/O.

The order is cheap first: the text, the structure, the key, the signature, the name.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.kernel.identity import SpiffeId

CSR_LIMIT = 16 * 1024
"""Characters of PEM: an RSA-4096 request with its SAN needs two thousand."""

CURVES = (ec.SECP256R1, ec.SECP384R1)
RSA_BITS = range(2048, 4096 + 1)
RSA_EXPONENT = 65537

PEM = re.compile(
    r"\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n"
    r"([A-Za-z0-9+/=\r\n]+)"
    r"-----END CERTIFICATE REQUEST-----\s*"
)

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class InvalidRequestError(MeshError):
    """A signing request that cannot be granted as it is."""

    code = "citadel.invalid-csr"
    blame = Blame.CALLER


class UnprovedKeyError(InvalidRequestError):
    """Whoever asks for a key to be certified does not hold it."""

    code = "citadel.pop-failed"


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A public key whose holder signed the request for it."""

    public_key: PublicKey
    key_der: bytes
    """Its SubjectPublicKeyInfo."""
    identity: SpiffeId
    """Who it is for, as the request spells it."""


def check_request(pem: str, *spellings: SpiffeId) -> CheckedRequest:
    """Return the key to certify, and which of ``spellings`` it is for.

    Only the key is taken from the request, and in which trust domain the caller wants
    to be called what it proved to be: the first of ``spellings`` where it does not
    say. Every other extension is left behind.

    Raises:
        InvalidRequestError: Naming the first thing that is wrong.

    Source:
        The order and the allow-list of keys: Istio's server checks neither sizes nor
        curves, and pyca verifies RSA-1024 and explicit curve parameters happily.

    """
    request = _parse(pem)
    key, canonical = _allowed_key(request)
    _check_possession(request)
    return CheckedRequest(key, canonical, _named(request, spellings))


def _parse(pem: str) -> x509.CertificateSigningRequest:
    if len(pem) > CSR_LIMIT:
        raise InvalidRequestError(
            f"the request has {len(pem)} characters: the limit is {CSR_LIMIT}"
        )
    block = PEM.fullmatch(pem)
    if block is None:
        raise InvalidRequestError(
            "expected one PEM block labelled CERTIFICATE REQUEST, and nothing else"
        )
    try:
        der = base64.b64decode(re.sub(r"\s", "", block[1]), validate=True)
        return x509.load_der_x509_csr(der)
    except (binascii.Error, ValueError, x509.InvalidVersion) as error:
        raise InvalidRequestError(
            f"the PEM block holds no PKCS #10 request: {error}"
        ) from error


def _allowed_key(request: x509.CertificateSigningRequest) -> tuple[PublicKey, bytes]:
    try:
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidRequestError(f"the public key is not readable: {error}") from error
    if isinstance(key, ec.EllipticCurvePublicKey):
        allowed = isinstance(key.curve, CURVES)
    elif isinstance(key, rsa.RSAPublicKey):
        allowed = key.key_size in RSA_BITS and key.public_numbers().e == RSA_EXPONENT
    else:
        raise _key_error()
    # A curve spelled out by its parameters loads as the named one: only the bytes
    # tell them apart, and BoringSSL refuses such a certificate.
    canonical = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if not allowed or canonical not in request.tbs_certrequest_bytes:
        raise _key_error()
    return key, canonical


def _key_error() -> InvalidRequestError:
    return InvalidRequestError(
        "the public key is not allowed: expected ECDSA on the named curve P-256 or "
        "P-384, or RSA of 2048 to 4096 bits with exponent 65537"
    )


def _check_possession(request: x509.CertificateSigningRequest) -> None:
    try:
        proved = request.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        proved = False
    if not proved:
        raise UnprovedKeyError(
            "the request is not signed by the key it holds (proof of possession)"
        )


def _named(
    request: x509.CertificateSigningRequest, spellings: tuple[SpiffeId, ...]
) -> SpiffeId:
    try:
        names = list(
            request.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        )
    except x509.ExtensionNotFound:
        return spellings[0]
    except (
        ValueError,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise InvalidRequestError(
            f"the request's extensions are not readable: {error}"
        ) from error
    for each in spellings:
        if names == [x509.UniformResourceIdentifier(str(each))]:
            return each
    proved = " or ".join(map(str, spellings))
    raise InvalidRequestError(
        f"the request's SAN must be exactly {proved}, which the caller proved, "
        f"or absent; found {len(names)} name(s)"
    )
