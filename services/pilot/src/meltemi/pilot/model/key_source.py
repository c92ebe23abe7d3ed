"""Where the keys that verify tokens are published."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the keys of an issuer are published.

    Attributes:
        issuer: Its name, and where OpenID discovery begins (OpenID Connect Discovery
            1.0 §4) when there is no URI.
        uri: Of the key set; empty: to be discovered.
        timeout: Longest a fetch may take, in nanoseconds.

    """

    issuer: str
    uri: str
    timeout: int
