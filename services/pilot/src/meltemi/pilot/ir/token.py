"""Which JSON web tokens are verified, and what becomes of their claims."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """One issuer, whose tokens are verified with its keys.

    Attributes:
        issuer: What ``iss`` must say; empty accepts any.
        audiences: Of which one must be in ``aud``; empty accepts any.
        keys: A JSON Web Key Set (RFC 7517), as text.
        headers: Where the token is looked for: names, and what stands before it.
        params: Query parameters, likewise.
        cookies: Likewise.
        forward: Whether the workload sees the token.
        payload_header: Where the verified payload goes; empty: nowhere.
        claim_headers: Headers, and the claims copied there.
        lists: Claims that hold lists with spaces between.

    """

    issuer: str
    keys: str
    audiences: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    params: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    forward: bool = False
    payload_header: str = ""
    claim_headers: tuple[tuple[str, str], ...] = ()
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Refuse wrong tokens of these issuers; requests without a token pass."""

    issuers: tuple[TokenIssuer, ...]
    clear_route_cache: bool = False
    """Choose the route again by the claims; on gateways."""
