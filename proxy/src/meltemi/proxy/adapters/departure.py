"""How a proxy goes: in one order, and by one deadline.

::

    asked to end ─▶ leave ─▶ not ready ─▶ drain ─▶ wait ─▶ end Envoy
         └──────────────── drain_seconds ─────────────┘

Source:
    Istio's pkg/envoy/agent.go (terminate, waitForDrain), whose terminationDrainDuration
    and EXIT_ON_ZERO_ACTIVE_CONNECTIONS these are.

"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from meltemi.proxy.adapters.envoy_admin import EnvoyAwayError
from meltemi.proxy.ready import open_connections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.kernel.clock import Clock

LOOK_SECONDS: Final = 0.2
PATIENCE: Final = 5
"""How often in a row Envoy may not tell how many connections it has."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Drain:
    """How long open connections may take; times in seconds.

    Attributes:
        longest: Counted from when the proxy was asked to end.
        until_idle: Whether to end sooner, when none is left.
        shortest: But not before: peers hear late that they should go elsewhere.
        inbound_only: Leave the application its way out.

    """

    longest: float
    until_idle: bool
    shortest: float
    inbound_only: bool


class Registration(Protocol):
    """What others know the workload by."""

    async def leave(self) -> None:
        """Take it back."""


class Proxy(Protocol):
    """The Envoy that runs."""

    @property
    def is_running(self) -> bool:
        """Whether there is one."""

    async def gone(self) -> None:
        """Return when it has ended."""

    async def stop(self) -> None:
        """End it."""


class Admin(Protocol):
    """What Envoy is told and asked."""

    async def drain(self, *, inbound_only: bool, stay: bool) -> None:
        """Ask peers to go elsewhere."""

    async def connection_stats(self) -> Mapping[str, int]:
        """Return what `open_connections` reads."""


class Departure:
    """Takes one proxy out of the mesh."""

    def __init__(
        self,
        drain: Drain,
        envoy: Proxy,
        admin: Admin,
        registrar: Registration,
        clock: Clock,
    ) -> None:
        self._drain, self._envoy, self._admin = drain, envoy, admin
        self._registrar, self._clock = registrar, clock
        self._leaving = self._drained = False

    def trouble(self) -> str | None:
        """Return that the proxy is going, or None."""
        return "it is draining" if self._leaving else None

    async def drain(self) -> None:
        """Leave, and ask peers to go elsewhere, but stay: who asks ends us later.

        That is then done at once, for whoever orders this has waited himself.
        """
        self._drained = True
        await self._begin(stay=True)

    async def go(self) -> None:
        """Leave, drain and end Envoy."""
        deadline = self._clock.monotonic() + self._drain.longest
        if not self._drained:
            await self._begin(stay=False)
            left = max(0.0, deadline - self._clock.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._finished()
        await self._envoy.stop()

    async def _begin(self, *, stay: bool) -> None:
        await self._registrar.leave()
        self._leaving = True
        try:
            await self._admin.drain(inbound_only=self._drain.inbound_only, stay=stay)
        except EnvoyAwayError as error:
            log.warning("envoy.not-drained", error=str(error))

    async def _finished(self) -> None:
        """Return when no connection is left, if that is enough."""
        if not self._drain.until_idle:
            await self._envoy.gone()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain.shortest):
                await self._envoy.gone()
        failures = 0
        while self._envoy.is_running and failures < PATIENCE:
            try:
                if not open_connections(await self._admin.connection_stats()):
                    return
                failures = 0
            except EnvoyAwayError:
                failures += 1
            await asyncio.sleep(LOOK_SECONDS)
