"""JWT-SVIDs and the keys that verify them, fetched from Citadel when they are needed.

An agent whose application never asks for one never asks Citadel either.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog

from meltemi.credentials.citadel import CitadelUnavailableError
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from meltemi.identity.credential import Credential
    from meltemi.identity.svid_wire import SvidAnswer, SvidKeys
    from meltemi.kernel.clock import Clock

MOST_AUDIENCES = 1000
"""Whose tokens are kept; the one asked for longest ago is forgotten."""

RETRY_SECONDS = 5.0
"""How long an answer of before serves again when Citadel is away, and how often an
unknown key may make us ask."""

log = structlog.get_logger()


class TokenOffice(Protocol):
    """Who signs tokens: `CitadelClient`."""

    async def svid(self, held: Credential, audience: tuple[str, ...]) -> SvidAnswer:
        """Return a token for ``audience``, bought with ``held``."""
        ...

    async def svid_keys(self, held: Credential) -> SvidKeys:
        """Return the keys that verify such tokens."""
        ...


@dataclass(slots=True)
class _Kept:
    """The token for one audience. Its lock has many callers ask Citadel once."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    answer: SvidAnswer | None = None
    renewed: datetime | None = None

    def serves(self, now: datetime) -> SvidAnswer | None:
        """Return the token until half of its life is over."""
        if self.answer is None or self.renewed is None:
            return None
        half = self.renewed + (self.answer.expires - self.renewed) / 2
        return self.answer if now < half else None


class JwtSource:
    """What the workload can show, and what it believes."""

    def __init__(
        self,
        citadel: TokenOffice,
        held: Callable[[], Credential | None],
        clock: Clock,
    ) -> None:
        """Ask ``citadel`` with the credential that is ``held`` by then."""
        self._citadel, self._holds, self._clock = citadel, held, clock
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._asking = asyncio.Lock()
        self._known: SvidKeys | None = None
        self._asked = self._due = 0.0

    async def svid(self, audience: tuple[str, ...]) -> SvidAnswer:
        """Return a token for ``audience``, good for half of a life at least.

        When Citadel is away it may be less: what there is serves to its end.

        Raises:
            CertificateRefusedError: If Citadel gives us none.
            CitadelUnavailableError: If it is away.

        """
        kept = self._kept.setdefault(audience, _Kept())
        self._kept.move_to_end(audience)
        if len(self._kept) > MOST_AUDIENCES:
            self._kept.popitem(last=False)
        async with kept.lock:
            serves = kept.serves(self._clock.now())
            if serves is not None:
                return serves
            now = self._clock.now()
            try:
                kept.answer = await self._citadel.svid(self._held(), audience)
            except CitadelUnavailableError:
                if kept.answer is None or kept.answer.expires <= now:
                    raise
                return kept.answer
            kept.renewed = now
            return kept.answer

    async def keys(self, *, newer: bool = False) -> SvidKeys:
        """Return the keys of the trust domain.

        Args:
            newer: Ask again, though those of before are not old yet; not more often
                than every five seconds.

        Raises:
            MeshError: If Citadel gives none, and gave none before.

        """
        async with self._asking:
            now = self._clock.monotonic()
            fresh = now < (self._asked + RETRY_SECONDS if newer else self._due)
            if self._known is not None and fresh:
                return self._known
            self._asked = now
            try:
                self._known = await self._citadel.svid_keys(self._held())
                self._due = now + self._known.refresh_seconds
            except MeshError as error:
                if self._known is None:
                    raise
                log.warning("jwt-keys.not-refreshed", error=str(error))
                self._due = now + RETRY_SECONDS
            return self._known

    async def newest(self) -> AsyncIterator[SvidKeys]:
        """Yield the keys, and again whenever they change; raise as `keys`."""
        last = None
        while True:
            keys = await self.keys()
            if last is None or keys != last:
                yield keys
            last = keys
            await asyncio.sleep(max(0.05, self._due - self._clock.monotonic()))

    def _held(self) -> Credential:
        held = self._holds()
        if held is None:
            raise CitadelUnavailableError("there is no certificate yet: try again")
        return held
