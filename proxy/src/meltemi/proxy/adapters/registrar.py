"""Tells Galley that the workload is here, and that it goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2
import structlog

from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.entry import entry_body, entry_path
from meltemi.runtime.workload_proof import sign_proof

if TYPE_CHECKING:
    from random import Random

    from meltemi.kernel.clock import Clock
    from meltemi.proxy.adapters.keeper import Keeper
    from meltemi.proxy.settings import AgentSettings

AUDIENCE = "meltemi-galley"
TIMEOUT_SECONDS = 3.0
LEAVE_SECONDS = 2.0
AGAIN = Backoff(first=0.5, ceiling=10.0)
GONE = 404

log = structlog.get_logger()


class RegistrationError(MeshError):
    """Galley did not take the workload's entry."""

    code = "agent.registration"
    blame = Blame.PEER


class Registrar:
    """Keeps one WorkloadEntry, with the workload's own certificate as proof."""

    def __init__(
        self, settings: AgentSettings, keeper: Keeper, clock: Clock, rng: Random
    ) -> None:
        self._settings, self._keeper = settings, keeper
        self._clock, self._rng = clock, rng
        self._wanted = bool(settings.galley_url and settings.entry_ports)
        self._why: str | None = "not registered with Galley yet"

    async def register(self) -> None:
        """Register, trying until Galley takes it. Nothing to do for a gateway."""
        if not self._wanted:
            return
        await self._keeper.arrived.wait()
        attempt = 0
        while self._why:
            try:
                await self._call("PUT", entry_body(self._settings))
                self._why = None
                log.info("workload.registered", path=entry_path(self._settings))
            except RegistrationError as error:
                if str(error) != self._why:
                    log.warning("workload.not-registered", error=str(error))
                self._why = str(error)
                await asyncio.sleep(AGAIN.delay(attempt, self._rng))
                attempt += 1

    async def leave(self) -> None:
        """Take the entry back, so that peers stop calling before we stop answering."""
        if not self._wanted or self._why:
            return
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._call("DELETE", None)
            log.info("workload.deregistered")
        except (RegistrationError, TimeoutError) as error:
            log.warning("workload.not-deregistered", error=str(error) or "timeout")

    async def _call(self, method: str, body: bytes | None) -> None:
        held = self._keeper.held
        if held is None:
            raise RegistrationError("no certificate to prove who we are")
        proof = sign_proof(
            held.key, held.chain, audience=AUDIENCE, now=self._clock.now()
        )
        headers = {
            "authorization": f"Bearer {proof}",
            "content-type": "application/json",
        }
        url = f"{self._settings.galley_url}".rstrip("/") + entry_path(self._settings)
        try:
            async with httpx2.AsyncClient(
                timeout=TIMEOUT_SECONDS, trust_env=False
            ) as http:
                answer = await http.request(method, url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise RegistrationError(f"Galley: {method} {url}: {error!r}") from error
        if answer.is_error and not (method == "DELETE" and answer.status_code == GONE):
            raise RegistrationError(
                f"Galley: {method} {url}: {answer.status_code} {answer.text[:300]}"
            )
