"""The key sets of issuers: inline, in a file, or fetched behind the guard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.identity.issued_tokens import (
    InvalidTokenError,
    KeySetError,
    choose_key,
    parse_keys,
)
from meltemi.kernel.errors import MeshError
from meltemi.runtime.guarded_fetch import fetch

if TYPE_CHECKING:
    from meltemi.citadel.issuers import Issuer
    from meltemi.identity.issued_tokens import Key, Unproved
    from meltemi.kernel.clock import Clock
    from meltemi.runtime.guarded_fetch import Guard

FRESH_SECONDS = 300.0
"""Keys are read anew after that: a withdrawn key dies within it."""
AGAIN_SECONDS = 10.0
"""Pause between two reads because of an unknown key: a stranger can cause them."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: tuple[Key, ...]
    tried: float


class IssuerKeys:
    """The keys as last seen; those that were good live on while they cannot be read."""

    def __init__(self, guard: Guard, clock: Clock) -> None:
        self._guard, self._clock = guard, clock
        self._kept: dict[str, _Kept] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def find(self, token: Unproved, issuer: Issuer) -> Key:
        """Return the key that must have signed ``token``.

        Raises:
            UnauthenticatedError: If there is not exactly one.

        """
        try:
            for age in (FRESH_SECONDS, AGAIN_SECONDS):
                key = choose_key(token, issuer, await self._keys(issuer, age))
                if key is not None:
                    return key
        except InvalidTokenError as error:
            raise UnauthenticatedError(str(error)) from error
        raise UnauthenticatedError(
            f"{issuer.issuer} has not exactly one key {token.key_id!r} for "
            f"{token.algorithm}"
        )

    async def _keys(self, issuer: Issuer, age: float) -> tuple[Key, ...]:
        """Return the keys, at most ``age`` seconds old if they can be had."""
        async with self._turns.setdefault(issuer.issuer, asyncio.Lock()):
            now = self._clock.monotonic()
            kept = self._kept.get(issuer.issuer)
            if kept is not None and now - kept.tried < age:
                return kept.keys
            keys = () if kept is None else kept.keys
            try:
                keys = parse_keys(await self._read(issuer))
            except (OSError, KeySetError, MeshError) as error:
                log.warning("keys.not-read", issuer=issuer.issuer, error=str(error))
            self._kept[issuer.issuer] = _Kept(keys, now)
            return keys

    async def _read(self, issuer: Issuer) -> bytes:
        if issuer.jwks:
            return issuer.jwks.encode()
        if issuer.jwks_file:
            return await asyncio.to_thread(Path(issuer.jwks_file).read_bytes)
        return await fetch(issuer.jwks_url, self._guard)
