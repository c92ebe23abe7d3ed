"""The key that Citadel signs workload tokens with, and its public half. No I/O."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from meltemi.identity.issued_tokens import Key, parse_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

COORDINATE_BYTES = 32


@dataclass(frozen=True)  # no slots: the cached properties need a dictionary
class TokenKey:
    """A P-256 key. Two with the same key have the same id."""

    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"TokenKey(id={self.id!r})"

    @cached_property
    def id(self) -> str:
        """The ``kid``: the key's thumbprint (RFC 7638 §3)."""
        canonical = msgspec.json.encode(self._members, order="sorted")
        return _text(hashlib.sha256(canonical).digest())

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public half, as it stands in a JWK set (RFC 7517 §4, RFC 7518 §6.2)."""
        return self._members | {"kid": self.id, "alg": "ES256", "use": "sig"}

    @cached_property
    def public(self) -> tuple[Key, ...]:
        """What verifies its signatures."""
        return parse_keys(msgspec.json.encode({"keys": [self.jwk]}))

    @property
    def _members(self) -> dict[str, str]:
        point = self.key.public_key().public_numbers()
        x, y = (_text(each.to_bytes(COORDINATE_BYTES)) for each in (point.x, point.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
