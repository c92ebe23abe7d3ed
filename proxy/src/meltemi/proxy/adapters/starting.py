"""What a proxy starts with, asked of Galley once and compared from then on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import Gauge

from meltemi.config.starting import InvalidWordsError, Words
from meltemi.proxy.adapters.galley_door import RegistrationError
from meltemi.proxy.checkpoint import CorruptCheckpointError
from meltemi.proxy.started import decode, encode, path_for, settled
from meltemi.runtime.durable import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from prometheus_client import CollectorRegistry

    from meltemi.credentials.keeper import Keeper
    from meltemi.proxy.adapters.galley_door import GalleyDoor
    from meltemi.proxy.settings import AgentSettings

CERTIFICATE_SECONDS: Final = 3.0
"""How long Envoy's start waits for a certificate to ask with: it needs it anyway."""
ANSWER_SECONDS: Final = 1.0
"""How long it waits for Galley."""
EVERY_SECONDS: Final = 15.0
SPREAD: Final = 0.2
"""The part of the interval that is drawn: agents do not all come at once."""

log = structlog.get_logger()


class Starting:
    """What the mesh said when this agent started, and whether it says so still."""

    def __init__(
        self, settings: AgentSettings, keeper: Keeper, door: GalleyDoor
    ) -> None:
        self._settings, self._keeper, self._door = settings, keeper, door
        self._file = settings.run_dir / "starting.checkpoint"
        self._heard = Words()
        self._news = False

    async def settle(
        self, environ: Mapping[str, str], first: asyncio.Task[object]
    ) -> AgentSettings:
        """Return the settings of ``environ`` with what the mesh says.

        Nothing here keeps a proxy from starting: without an answer the last one
        holds, and without one of those the agent's own settings.

        The last answer is not taken at once, with the question behind it: Envoy
        starts with this only, and a change is promised for the agent's next start,
        not for the one after. What it costs is little where the credential is on
        disk: a Galley that is gone refuses at once, a silent one takes
        ``ANSWER_SECONDS``. Without a credential Envoy's listeners would wait too.

        Args:
            environ: The agent's variables.
            first: What gets the certificate to ask with.

        """
        own = self._settings
        if not own.galley_url:
            return own
        try:
            words: Words | None = await self._ask(first)
        except (RegistrationError, InvalidWordsError, TimeoutError) as error:
            words = self._kept()
            log.warning(
                "starting.not-asked",
                error=str(error) or "no answer in time",
                instead="the last answer" if words else "the settings alone",
            )
        if words is None:
            return own
        return self._settled(environ, words)

    async def _ask(self, first: asyncio.Task[object]) -> Words:
        await asyncio.wait({first}, timeout=CERTIFICATE_SECONDS)
        async with asyncio.timeout(ANSWER_SECONDS):
            words = await self._told()
        await asyncio.to_thread(self._keep, words)
        return words

    async def _told(self) -> Words:
        answer = await self._door.call("GET", path_for(self._settings))
        return Words.decode(answer.content)

    def _settled(self, environ: Mapping[str, str], words: Words) -> AgentSettings:
        own = self._settings
        try:
            found = settled(environ, own, words)
        except InvalidWordsError as error:
            log.warning("starting.refused", error=str(error), instead="the settings")
            return own
        self._heard = words
        log.info("starting.heard", sources=words.sources)
        return found

    def _kept(self) -> Words | None:
        try:
            return decode(self._file.read_bytes())
        except OSError:
            return None
        except (CorruptCheckpointError, InvalidWordsError) as error:
            log.warning("starting.ignored", file=self._file.name, error=str(error))
            return None

    def _keep(self, words: Words) -> None:
        try:
            replace_file(self._file, encode(words))
        except OSError as error:
            log.warning("starting.not-stored", error=str(error))

    def outdated(self) -> str | None:
        """Return that the proxy runs with what is no longer said, or None."""
        if not self._news:
            return None
        return "the mesh says something else since: it holds at the agent's next start"

    def measure(self, registry: CollectorRegistry) -> None:
        """Tell it as a metric too."""
        Gauge(
            "meltemi_agent_starting_words_outdated",
            "1 while the mesh has proxies start with something else than this one.",
            registry=registry,
        ).set_function(lambda: float(self._news))

    async def compare(self, rng: Random) -> None:
        """Ask again and again whether the mesh still says so, until cancelled."""
        if not self._settings.galley_url:
            return
        await self._door.proven()
        while True:
            await asyncio.sleep(EVERY_SECONDS * (1 + rng.uniform(-SPREAD, SPREAD)))
            try:
                words = await self._told()
            except (RegistrationError, InvalidWordsError):
                continue  # who cannot be asked says nothing new
            news = (words.below, words.above) != (self._heard.below, self._heard.above)
            if news and not self._news:
                log.warning("starting.outdated", sources=words.sources)
            self._news = news
