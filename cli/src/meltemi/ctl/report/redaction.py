"""Taking secrets out of text: known ones, and whatever looks like one. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

GONE: Final = b"[redacted]"
SHORTEST: Final = 8
"""Characters of a known secret: shorter words are likely to mean something else."""
KEY: Final = rb"[A-Z ]*PRIVATE KEY-----"
WHOLE: Final = (
    rb"-----BEGIN " + KEY + rb"(?:.*?-----END " + KEY + rb"|.*)",
    rb"(?<![A-Za-z0-9+/=\\\s])[A-Za-z0-9+/=\\\s]*-----END "
    + KEY,  # of a text that was cut
    rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*",
    rb"\bhv[sbr]\.[\w-]{20,}",
    (
        rb"M[\w+/]{2,6}(?:AgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
        rb"|IBADANBgkqhkiG9w0BAQEFAASC)[\w+/=\\\s]*"
    ),
    rb"MHcCAQEEI[A-P][\w+/=\\\s]*",
    rb"MII[\w+/]{3}IBAAK[BC][\w+/=\\\s]*",
)
"""Private keys in PEM and in Base64, JWTs, tokens of Vault."""
AUTHORIZATION: Final = (
    rb"((?i:authorization|bearer|cookie)\\?[\"']?\s*[:= ]\s*\\?[\"']?"
    rb"(?:(?i:bearer|basic)\s+)?)"
)
WORD: Final = rb"(?i:password|passwd|secret|api[-_]?key|token)"
HEADER: Final = rb"(?i:authorization|cookie|signature|credential)"
QUOTE: Final = rb"\\?[\"']"
BEHIND: Final = (
    # A header as Envoy has it: its name, and then its value.
    rb"(\\?\"key\\?\"\s*:\s*\\?\"[^\"\\]*(?:" + WORD + rb"|" + HEADER + rb")"
    rb"[^\"\\]*\\?\"\s*,\s*\\?\"(?:raw_)?value\\?\"\s*:\s*\\?\")[^\"\\]+",
    (
        rb"((?i:authorization)"
        + QUOTE
        + rb"?\s*:\s*"
        + QUOTE
        + rb"(?:(?i:bearer|basic)\s+)?)(?!\[)[^\"'\\\n]+"
    ),
    rb"((?i:cookie)\s*[:=]\s*)(?![\[{\"'\\])[^\"'\\\n]{4,}",
    rb"((?i:cookie)" + QUOTE + rb"?\s*:\s*" + QUOTE + rb")(?!\[)[^\"'\\\n]+",
    rb"(" + WORD + QUOTE + rb"?\s*[:=]\s*" + QUOTE + rb")(?!\[)[^\"'\\\n]+",
    rb"(" + WORD + rb"\s*[:=]\s*)(?!true\b|false\b|null\b|[\[{\"'\\])[^\s\"'\\,}]{4,}",
    rb"(://[^/\s:@\"']*:)[^/\s@\"']+(?=@)",
    AUTHORIZATION + rb"[\w.~+/=-]{8,}",
    rb"(\\?\"(?:d|k|p|q|dp|dq|qi)\\?\"\s*:\s*\\?\")[\w-]{16,}",
    rb"([?&][\w-]*(?i:token|secret|password|passwd|key|signature|sig|code)=)[^&\s\"']+",
)
"""What stands behind a word that tells it is secret; the word stays."""
ENCODED: Final = re.compile(rb"LS0tLS1CRUdJTi[\w+/=]+")
"""PEM in Base64, as configuration has it: certificates stay."""


def redacted(text: bytes, known: Iterable[bytes] = ()) -> bytes:
    """Return ``text`` without secrets.

    Args:
        text: Of a log, a dump, an object.
        known: Secrets of this mesh, which look like nothing.

    """
    for each in sorted(set(known), key=len, reverse=True):
        if len(each) >= SHORTEST:
            text = text.replace(each, GONE)
    for pattern in WHOLE:
        text = re.sub(pattern, GONE, text, flags=re.DOTALL)
    text = ENCODED.sub(_decided, text)
    for pattern in BEHIND:
        text = re.sub(pattern, rb"\1" + GONE, text)
    return text


def _decided(found: re.Match[bytes]) -> bytes:
    text = found.group()
    try:
        plain = base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return GONE
    return GONE if b"PRIVATE KEY" in plain else text
