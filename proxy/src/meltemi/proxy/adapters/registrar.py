"""Tells Galley that the workload is here, still is, and that it goes."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import httpx2
import structlog

from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.entry import entry_body, entry_path
from meltemi.runtime.workload_proof import sign_proof

if TYPE_CHECKING:
    from random import Random

    from meltemi.credentials.keeper import Keeper
    from meltemi.kernel.clock import Clock
    from meltemi.proxy.settings import AgentSettings

AUDIENCE = "meltemi-galley"
TIMEOUT_SECONDS = 3.0
LEAVE_SECONDS = 2.0
AGAIN = Backoff(first=0.5, ceiling=10.0)
THERE = 412
GONE = 404
CREATED = 201

SETTLED_SECONDS = 2.0
"""After how long a new stream counts: whoever took us for gone has acted by then."""

EVERY_SECONDS = 30.0
"""How long an entry that somebody deleted stays away, at most a fifth more."""
SPREAD = 0.2
"""The part of the interval that is drawn: agents do not all come at once."""

log = structlog.get_logger()


class RegistrationError(MeshError):
    """Galley did not take the workload's entry."""

    code = "agent.registration"
    blame = Blame.PEER


class Registrar:
    """Keeps one WorkloadEntry, with the workload's own certificate as proof."""

    def __init__(
        self,
        settings: AgentSettings,
        keeper: Keeper,
        clock: Clock,
        rng: Random,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._settings, self._keeper = settings, keeper
        self._clock, self._rng, self._every = clock, rng, every
        self._wanted = bool(
            settings.galley_url and (settings.entry_ports or settings.group)
        )
        self._why: str | None = "not registered with Galley yet"
        self._entered = self._left = False
        self._turn = asyncio.Lock()
        self._again = asyncio.Event()

    def trouble(self) -> str | None:
        """Return why the mesh does not know of the workload, or None."""
        return self._why if self._wanted else None

    async def keep(self) -> None:
        """Register, and say so again every ``every`` seconds, until `leave`.

        An entry that somebody deleted is back then; one that somebody changed stays
        as they want it. Nothing to do for a gateway.
        """
        if not self._wanted:
            return
        await self._keeper.arrived.wait()
        failures = 0
        while not self._left:
            async with self._turn:
                if not self._left:
                    await self._assert()
            failures = failures + 1 if self._why else 0
            await self._rest(self._pause(failures))

    def reconnected(self) -> None:
        """Say soon that the workload is here: it may have been taken for gone."""
        self._again.set()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._again.wait()
        except TimeoutError:
            return
        self._again.clear()
        await asyncio.sleep(SETTLED_SECONDS)

    def _pause(self, failures: int) -> float:
        if failures:
            return AGAIN.delay(failures - 1, self._rng)
        return self._every * (1 + self._rng.uniform(-SPREAD, SPREAD))

    async def _assert(self) -> None:
        try:
            body = entry_body(self._settings)
            status = await self._call("PUT", body, only_if_absent=self._entered)
        except RegistrationError as error:
            if str(error) != self._why:
                log.warning("workload.not-registered", error=str(error))
            self._why = str(error)
            return
        if self._why or status == CREATED:
            log.info(
                "workload.registered",
                path=entry_path(self._settings),
                again=self._entered,
            )
        self._why, self._entered = None, True

    async def leave(self) -> None:
        """Take the entry back, so that peers stop calling before we stop answering."""
        self._left = True
        try:
            # A registration under way ends first, or it would outlive the entry.
            async with asyncio.timeout(LEAVE_SECONDS), self._turn:
                if not self._entered:
                    return
                await self._call("DELETE", None)
            log.info("workload.deregistered")
        except (RegistrationError, TimeoutError) as error:
            log.warning("workload.not-deregistered", error=str(error) or "timeout")

    async def _call(
        self, method: str, body: bytes | None, *, only_if_absent: bool = False
    ) -> int:
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
        if only_if_absent:
            headers["if-none-match"] = "*"
        url = f"{self._settings.galley_url}".rstrip("/") + entry_path(self._settings)
        try:
            async with httpx2.AsyncClient(
                timeout=TIMEOUT_SECONDS, trust_env=False, verify=self._believed()
            ) as http:
                answer = await http.request(method, url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise RegistrationError(f"Galley: {method} {url}: {error!r}") from error
        except OSError as error:
            raise RegistrationError(
                f"{self._settings.galley_ca_file}: no roots to believe Galley by: "
                f"{error}"
            ) from error
        fine = {"DELETE": GONE, "PUT": THERE if only_if_absent else None}
        if answer.is_error and answer.status_code != fine[method]:
            raise RegistrationError(
                f"Galley: {method} {url}: {answer.status_code} {answer.text[:300]}"
            )
        return answer.status_code

    def _believed(self) -> ssl.SSLContext | bool:
        """Return whose certificates are believed, as the file is now."""
        if not self._settings.galley_is_secured:
            return True
        return ssl.create_default_context(cafile=self._settings.galley_ca_file)
