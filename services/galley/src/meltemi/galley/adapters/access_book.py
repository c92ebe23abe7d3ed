"""The access file and the issuers' keys, as they are now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx2
import structlog

from meltemi.galley.access import Access, InvalidAccessError, parse_access
from meltemi.galley.refusals import UnauthenticatedError
from meltemi.identity.issued_tokens import (
    KeySetError,
    choose_key,
    parse_keys,
    verify_token,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.galley.access import Issuer
    from meltemi.identity.issued_tokens import Key, Unproved
    from meltemi.kernel.clock import Clock

FRESH_SECONDS: Final = 300.0
"""Keys are fetched anew after that: a withdrawn key dies within it."""
AGAIN_SECONDS: Final = 10.0
"""Pause between two fetches because of an unknown key: a stranger can cause them."""
LARGEST: Final = 1024 * 1024
"""Bytes of a JWK set."""
FETCH_SECONDS: Final = 5.0

log = structlog.get_logger("meltemi.galley")


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: tuple[Key, ...]
    tried: float


class AccessBook:
    """What the access file grants; one that does not hold leaves what was before."""

    def __init__(
        self, path: Path | None, clock: Clock, client: httpx2.AsyncClient
    ) -> None:
        self._path, self._clock, self._client = path, clock, client
        self._access, self._seen = Access(), (0, 0, 0)
        self._keys: dict[str, _Kept] = {}
        self._turn = asyncio.Lock()
        if path is not None:
            self._access, self._seen = _read(path), _version(path)

    def current(self) -> Access:
        """Return what holds now."""
        if self._path is None:
            return self._access
        try:
            seen = _version(self._path)
            if seen != self._seen:
                self._seen = seen
                self._access = _read(self._path)
                self._keys.clear()
                log.info("access.reloaded", file=str(self._path))
        except (OSError, InvalidAccessError) as error:
            log.warning("access.not-reloaded", error=str(error))
        return self._access

    async def verify(self, token: Unproved, issuer: Issuer) -> Mapping[str, object]:
        """Return the claims of ``token`` if ``issuer`` signed it for us.

        Raises:
            UnauthenticatedError: If not, or its keys cannot be had.

        """
        key = choose_key(token, issuer, await self._keys_of(issuer, FRESH_SECONDS))
        if key is None:
            key = choose_key(token, issuer, await self._keys_of(issuer, AGAIN_SECONDS))
        if key is None:
            raise UnauthenticatedError(
                f"{issuer.issuer} has not exactly one key {token.key_id!r} for "
                f"{token.algorithm}"
            )
        return verify_token(token, issuer, key, now=self._clock.now())

    async def _keys_of(self, issuer: Issuer, age: float) -> tuple[Key, ...]:
        """Return the issuer's keys, at most ``age`` seconds old if they can be had."""
        async with self._turn:
            now = self._clock.monotonic()
            kept = self._keys.get(issuer.issuer)
            if kept is not None and now - kept.tried < age:
                return kept.keys
            keys = () if kept is None else kept.keys
            try:
                keys = parse_keys(await self._fetched(issuer))
            except (OSError, KeySetError, httpx2.HTTPError, TimeoutError) as error:
                log.warning("keys.not-read", issuer=issuer.issuer, error=str(error))
            self._keys[issuer.issuer] = _Kept(keys, now)
            return keys

    async def _fetched(self, issuer: Issuer) -> bytes:
        """Read the JWK set; a redirection is no answer, nor is a large one."""
        if issuer.jwks_file:
            return await asyncio.to_thread(Path(issuer.jwks_file).read_bytes)
        content = bytearray()
        async with (
            asyncio.timeout(FETCH_SECONDS),
            self._client.stream("GET", issuer.jwks_url) as answer,
        ):
            if answer.status_code != httpx2.codes.OK:
                raise KeySetError(f"{issuer.jwks_url} answers {answer.status_code}")
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > LARGEST:
                    raise KeySetError(f"{issuer.jwks_url} sends over 1 MiB")
        return bytes(content)


def _read(path: Path) -> Access:
    try:
        return parse_access(path.read_bytes())
    except OSError as error:
        raise InvalidAccessError(f"{path}: {error.strerror}") from error
    except InvalidAccessError as error:
        raise InvalidAccessError(f"{path}: {error}") from error


def _version(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
