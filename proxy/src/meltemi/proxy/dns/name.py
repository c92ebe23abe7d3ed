"""Names of hosts as they stand in messages: a length before each label. No I/O."""

from __future__ import annotations

from meltemi.proxy.dns.message import LONGEST_LABEL, LONGEST_NAME


def wire(host: str) -> bytes | None:
    """Return ``host`` in small letters as in a message; None if it is no name."""
    try:
        labels = host.lower().removesuffix(".").encode("ascii").split(b".")
    except UnicodeEncodeError:
        return None
    if not all(0 < len(each) <= LONGEST_LABEL for each in labels):
        return None
    made = b"".join(bytes([len(each)]) + each for each in labels) + b"\0"
    return made if len(made) <= LONGEST_NAME else None


def suffixes(key: bytes) -> list[bytes]:
    """Return what is left of a name without its first label, its first two, and on."""
    found, at = [], 0
    while key[at]:
        at += key[at] + 1
        found.append(key[at:])
    return found
