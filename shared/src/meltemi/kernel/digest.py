"""Versions that are the content's own hash, equal on every replica."""

from __future__ import annotations

from hashlib import blake2b

DIGEST_BYTES = 16


def content_version(content: bytes) -> str:
    """Return the version of a resource: blake2b-128 of its bytes, in hex."""
    return blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
