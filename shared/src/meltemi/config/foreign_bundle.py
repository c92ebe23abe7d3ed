"""The bundle of another trust domain, as its endpoint publishes it. No I/O.

Source:
    SPIFFE Trust Domain and Bundle 4: a JWK set with ``spiffe_sequence`` and
    ``spiffe_refresh_hint``; of a key for ``x509-svid`` the one certificate in ``x5c``
    is a root. Keys of other uses are passed over.

"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from meltemi.config.key_sets import PRIVATE, BadKeySetError, listed, opened

if TYPE_CHECKING:
    from collections.abc import Mapping

USE: Final = "x509-svid"
SOONEST_SECONDS: Final = 30
LATEST_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class ForeignBundle:
    """What an endpoint publishes.

    Attributes:
        roots: PEM, in its order, each once.
        sequence: Grows with every change.
        refresh_seconds: How soon it wants to be asked again, within reason; 0: it
            does not say.

    """

    roots: str
    sequence: int
    refresh_seconds: int


def foreign_bundle(document: bytes, *, known: int) -> ForeignBundle:
    """Return the bundle in ``document``.

    Args:
        document: What was fetched.
        known: The sequence of the one before.

    Raises:
        BadKeySetError: If it is no bundle, holds a private key or no root, or its
            sequence is lower than ``known``.

    """
    found = opened(document, "a SPIFFE bundle")
    sequence = _number(found, "spiffe_sequence")
    if sequence < known:
        raise BadKeySetError(
            f"its sequence {sequence} is lower than {known}, which was seen before: "
            "it may be an old bundle that somebody plays back"
        )
    roots = dict.fromkeys(
        root for each in listed(found) if (root := _root(each)) is not None
    )
    if not roots:
        raise BadKeySetError(f"there is no root in it: no key with use {USE}")
    hint = _number(found, "spiffe_refresh_hint")
    soon = min(max(hint, SOONEST_SECONDS), LATEST_SECONDS) if hint else 0
    return ForeignBundle("".join(roots), sequence, soon)


def _number(found: Mapping[str, object], name: str) -> int:
    value = found.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadKeySetError(f"{name} {value!r} is no count")
    return value


def _root(key: object) -> str | None:
    if not isinstance(key, dict):
        raise BadKeySetError("one of its keys is not an object")
    if PRIVATE & key.keys():
        raise BadKeySetError("it holds a private key: its mesh must replace that root")
    if key.get("use") != USE:
        return None
    match key.get("x5c"):
        case [str(text)]:
            return _certificate(text)
    raise BadKeySetError(f"a key with use {USE} has one certificate in x5c")


def _certificate(text: str) -> str:
    try:
        found = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        limits = found.extensions.get_extension_for_class(x509.BasicConstraints)
    except (ValueError, binascii.Error, x509.ExtensionNotFound) as error:
        raise BadKeySetError(f"x5c holds no root: {error}") from error
    if not limits.value.ca:
        raise BadKeySetError("x5c holds the certificate of no authority")
    return found.public_bytes(Encoding.PEM).decode()
