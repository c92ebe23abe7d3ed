"""What must hold for the public keys that tokens are verified with (RFC 7517)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from meltemi.config.json_text import NotStrictJsonError, load
from meltemi.config.rules.problem import problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("n", "e"),
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
    "oct": ("k",),
}
"""What a key of each type is made of (RFC 7518 section 6, RFC 8037)."""
LONGEST_URI: Final = 2048


def check_jwks_uri(path: str, uri: str) -> Iterator[Finding]:
    """Yield a finding unless ``uri`` is where keys can be fetched."""
    try:
        parts = urlsplit(uri)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        hint = "write https://HOST[:PORT]/PATH"
        yield problem(path, f"{uri!r} is not the URL of a key set", hint)
    if len(uri) > LONGEST_URI:
        yield problem(path, f"has more than {LONGEST_URI} characters")


def check_jwks(path: str, text: str) -> Iterator[Finding]:
    """Yield what is wrong with the key set or single key that ``text`` spells."""
    try:
        value = load(text)
    except NotStrictJsonError as error:
        yield problem(path, f"is not JSON: {error}", 'write {"keys": [...]}')
        return
    keys = value.get("keys", [value]) if isinstance(value, dict) else None
    if not isinstance(keys, list):
        yield problem(path, "is not a key set", 'write {"keys": [...]}')
        return
    if not keys:
        yield warning(path, "has no keys: every token is refused")
    for number, key in enumerate(keys, 1):
        yield from _check_key(path, number, key)


def _check_key(path: str, number: int, key: object) -> Iterator[Finding]:
    if not isinstance(key, dict):
        yield problem(path, f"key {number} is not an object")
        return
    parts = PARTS.get(str(key.get("kty")))
    if parts is None:
        hint = f"kty is one of {', '.join(PARTS)}"
        yield problem(path, f"key {number} has no known type", hint)
        return
    missing = [part for part in parts if not isinstance(key.get(part), str)]
    if missing:
        message = f"key {number} of type {key['kty']} lacks {' and '.join(missing)}"
        yield problem(path, message)
    if "d" in key:
        message = f"key {number} is private: whoever reads this can sign tokens"
        hint = "write the public parts only, and let the issuer replace the key"
        yield problem(path, message, hint)
