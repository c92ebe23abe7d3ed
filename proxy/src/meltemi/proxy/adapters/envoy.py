"""One Envoy, kept running, drained at the end, never outliving the agent.

The kernel kills Envoy when the agent dies, also when the agent is killed: an Envoy
without its agent would serve until its certificate ends, and nobody would notice.
So a crash of the agent is one of its proxy (both are back within two seconds, from
the credential and the checkpoint on disk).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter

from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy import tether
from meltemi.proxy.adapters.envoy_admin import EnvoyAwayError
from meltemi.proxy.ready import envoy_trouble

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence
    from random import Random

    from prometheus_client import CollectorRegistry

    from meltemi.kernel.clock import Clock
    from meltemi.proxy.adapters.envoy_admin import EnvoyAdmin

RESTART = Backoff(first=0.2, ceiling=30.0)

EAGER_SECONDS, CALM_SECONDS = 0.1, 1.0
"""How often Envoy is looked at, before and after it is ready."""

KILL_SECONDS = 3.0
"""How long Envoy may take to end after SIGTERM."""

log = structlog.get_logger()


class EnvoyMissingError(MeshError):
    """There is no Envoy to run."""

    code = "agent.envoy-missing"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an `EnvoyProcess` is told from outside."""

    clock: Clock
    rng: Random
    registry: CollectorRegistry


class EnvoyProcess:
    """Supervises Envoy and knows whether it is ready."""

    def __init__(
        self, argv: Sequence[str], admin: EnvoyAdmin, around: Surroundings
    ) -> None:
        self._argv, self._admin = argv, admin
        self._clock, self._rng = around.clock, around.rng
        self._process: Process | None = None
        self._ending = self._proven = False
        self._look = asyncio.Event()
        self._trouble: str | None = "it was not started yet"
        self._starts = Counter(
            "meltemi_agent_envoy_starts",
            "How often Envoy was started.",
            registry=around.registry,
        )

    def trouble(self) -> str | None:
        """Return why Envoy is not ready, or None."""
        return self._trouble

    async def supervise(self) -> None:
        """Keep an Envoy running until `stop`."""
        attempt = 0
        while not self._ending:
            self._proven = False
            began = self._clock.monotonic()
            process = await self._start()
            code = await process.wait()
            if self._ending:
                return
            self._trouble = f"it ended with {code} and is started again"
            self._look.set()
            ran = self._clock.monotonic() - began
            log.warning("envoy.ended", code=code, seconds=round(ran, 3))
            # One that was ready starts anew at once; one that never is, ever later.
            attempt = 0 if self._proven else attempt + 1
            await asyncio.sleep(RESTART.delay(attempt, self._rng))

    async def _start(self) -> Process:
        wrapper = [sys.executable, "-I", "-S", str(Path(tether.__file__))]
        # Its own process group: Ctrl-C in a terminal must not kill it undrained.
        self._process = await asyncio.create_subprocess_exec(
            *wrapper, str(os.getpid()), *self._argv, process_group=0
        )
        self._starts.inc()
        log.info("envoy.started", pid=self._process.pid)
        return self._process

    async def watch(self) -> None:
        """Look whether Envoy is ready, until cancelled."""
        while True:
            before = self._trouble
            try:
                self._trouble = envoy_trouble(await self._admin.ready_stats())
            except EnvoyAwayError as error:
                self._trouble = str(error)
            if before and not self._trouble:
                self._proven = True
                log.info("envoy.ready")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    EAGER_SECONDS if self._trouble else CALM_SECONDS
                ):
                    await self._look.wait()
            self._look.clear()

    @property
    def is_running(self) -> bool:
        """Whether there is an Envoy now."""
        return self._process is not None and self._process.returncode is None

    async def gone(self) -> None:
        """Return when the Envoy of now has ended."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """End Envoy, and start no other."""
        self._ending = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            try:
                async with asyncio.timeout(KILL_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
        log.info("envoy.stopped", code=await process.wait())
