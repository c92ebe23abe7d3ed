"""Finds out again and again whether the application is well, and tells the registrar.

::

    AGENT_HEALTH_PROBE ─┐
    WorkloadGroup ──────┴─▶ probe ─▶ Prober ─▶ Judgement ─▶ Registrar ─▶ Galley ─▶ Pilot
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from prometheus_client import Gauge

from meltemi.config.schema.workload_group import ReadinessProbe
from meltemi.proxy.adapters.galley_door import RegistrationError
from meltemi.proxy.health.judgement import Judgement
from meltemi.proxy.health.probe import Pace

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from meltemi.proxy.adapters.probing import Prober
    from meltemi.runtime.operations import Probe

GROUP_SECONDS: Final = 15.0
"""How late a change of the group's probe is seen."""
SOON_SECONDS: Final = 1.0
"""How soon a group that could not be read is asked for again."""

log = structlog.get_logger()


class Report(Protocol):
    """Who is told what was found; None: nobody looks."""

    def __call__(self, *, well: bool | None) -> None:
        """Take it."""


class Group(Protocol):
    """What says how the application is asked, where nothing on this machine does."""

    async def read(self) -> ReadinessProbe | None:
        """Return the probe, None for none; see `GroupProbe`."""


class HealthWatch:
    """Watches the application of one workload."""

    def __init__(
        self,
        by: ReadinessProbe | Group,
        prober: Prober,
        report: Report,
        registry: CollectorRegistry,
    ) -> None:
        self._by, self._prober, self._report = by, prober, report
        self.proxy: Probe = _no_trouble
        """Why the proxy is not ready: then the application cannot be called either."""
        self._probe: ReadinessProbe | None = None
        self._refused: str | None = None
        self._judgement = Judgement(Pace())
        self._turned = asyncio.Event()
        self._gauge = Gauge(
            "meltemi_agent_application_healthy",
            "Whether the application was found to be well; 1 where nobody looks.",
            registry=registry,
        )
        self._gauge.set(1)

    async def watch(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask())
            if isinstance(self._by, ReadinessProbe):
                self._turn(self._by, "")
            else:
                tasks.create_task(self._learn(self._by))

    async def _learn(self, group: Group) -> None:
        """Follow what the group says."""
        while True:
            try:
                probe, refused = await group.read(), ""
            except ValueError as error:
                probe, refused = None, str(error)
            except RegistrationError as error:
                log.debug("group.unread", error=str(error))
                await asyncio.sleep(SOON_SECONDS)
                continue
            if (probe, refused) != (self._probe, self._refused):
                self._turn(probe, refused)
            await asyncio.sleep(GROUP_SECONDS)

    def _turn(self, probe: ReadinessProbe | None, refused: str) -> None:
        """Ask by ``probe`` from now on. One that is refused finds nothing well."""
        self._probe, self._refused = probe, refused
        if probe is not None:
            before = self._judgement
            self._judgement = Judgement(Pace.of(probe), before.well, before.begun)
        else:
            self._judgement = Judgement(Pace())
            self._tell(well=False if refused else None, why=refused)
        self._turned.set()

    async def _ask(self) -> None:
        while True:
            await self._turned.wait()
            self._turned.clear()
            if self._probe is not None:
                await self._follow(self._probe, self._judgement)

    async def _follow(self, probe: ReadinessProbe, judgement: Judgement) -> None:
        """Ask by ``probe`` until another takes its place."""
        if not judgement.begun and await self._rest(judgement.pace.delay):
            return
        first = True
        while True:
            answer = await self._prober.ask(probe)
            why = self.proxy() or answer.trouble
            changed = judgement.heard(well=why is None)
            if self._probe is not probe:
                return
            if changed or first:
                self._tell(well=judgement.well, why=why or "")
            first = False
            if await self._rest(judgement.pause):
                return

    async def _rest(self, seconds: float) -> bool:
        """Wait; tell whether another probe came meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._turned.wait()
        except TimeoutError:
            return False
        return True

    def _tell(self, *, well: bool | None, why: str) -> None:
        self._gauge.set(0 if well is False else 1)
        log.info("application.health", well=well, why=why)
        self._report(well=well)


def _no_trouble() -> None:
    """Return that there is none."""
