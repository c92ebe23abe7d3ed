"""Sealing what the ledger must not show: AES-256-GCM under the control plane's key.

Source:
    NIST SP 800-38D: a random nonce of 96 bits, good for 2^32 seals under one key.

"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meltemi.kernel.errors import Blame, MeshError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FORMAT: Final = b"\x01"


class SealError(MeshError):
    """Something sealed does not open: another key, another place, or changed bytes."""

    code = "secret.sealed"
    blame = Blame.OURS


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key of the control plane. It is never printed."""

    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Raise `SealError` unless it has 256 bits."""
        if len(self.raw) != KEY_BYTES:
            raise SealError(f"a sealing key has {KEY_BYTES} bytes, not {len(self.raw)}")

    def seal(self, plain: bytes, *, about: str) -> str:
        """Return ``plain`` sealed, as text; it opens only where ``about`` is the same.

        So a sealed value that is copied to another name does not open there.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self.raw).encrypt(nonce, plain, about.encode())
        return base64.b64encode(FORMAT + nonce + sealed).decode()

    def unseal(self, text: str, *, about: str) -> bytes:
        """Return what `seal` was given.

        Raises:
            SealError: If it was sealed with another key, for something else, or a bit
                is not as it was.

        """
        try:
            raw = base64.b64decode(text, validate=True)
            start = len(FORMAT) + NONCE_BYTES
            if raw[: len(FORMAT)] != FORMAT:
                raise SealError(f"{about}: sealed in a format that is not known here")
            nonce = raw[len(FORMAT) : start]
            return AESGCM(self.raw).decrypt(nonce, raw[start:], about.encode())
        except (InvalidTag, ValueError) as error:
            raise SealError(
                f"{about} does not open: sealed with another key, or changed since"
            ) from error


def new_sealing_key() -> SealingKey:
    """Return a fresh key."""
    return SealingKey(secrets.token_bytes(KEY_BYTES))
