"""The checkpoint on disk: two generations, each whole or ignored."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter

from meltemi.proxy.checkpoint import (
    Checkpoint,
    CorruptCheckpointError,
    Recorder,
    decode,
    encode,
)
from meltemi.runtime.durable import replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client import CollectorRegistry

QUIET_SECONDS = 0.5
"""Changes come in bursts: one write for each burst."""

log = structlog.get_logger()


class CheckpointFile:
    """Where a `Recorder`'s knowledge survives the agent.

    Attributes:
        changed: Set by whoever changed the recorder.

    """

    def __init__(self, directory: Path, registry: CollectorRegistry) -> None:
        self.changed = asyncio.Event()
        self._current = directory / "xds.checkpoint"
        self._previous = directory / "xds.checkpoint.previous"
        self._bad = Counter(
            "meltemi_agent_checkpoint_bad",
            "Checkpoints that were found torn or flipped, and ignored.",
            registry=registry,
        )
        self._errors = Counter(
            "meltemi_agent_checkpoint_errors",
            "Checkpoints that the disk did not take.",
            registry=registry,
        )

    def load(self, node: str) -> Checkpoint:
        """Return the newest whole checkpoint of ``node``, or an empty one."""
        for path in (self._current, self._previous):
            try:
                found = decode(path.read_bytes())
            except OSError:
                continue
            except CorruptCheckpointError as error:
                self._bad.inc()
                log.warning("checkpoint.ignored", file=path.name, error=str(error))
                continue
            if found.node == node:
                return found
            log.info("checkpoint.ignored", file=path.name, error=f"of {found.node}")
        return Checkpoint(node, {})

    def save(self, checkpoint: Checkpoint) -> None:
        """Store ``checkpoint``; the one before it stays as the previous one.

        A disk that refuses costs the copy, not the service.
        """
        try:
            with contextlib.suppress(FileNotFoundError):
                self._previous.unlink()
            with contextlib.suppress(FileNotFoundError):
                self._previous.hardlink_to(self._current)
            replace_file(self._current, encode(checkpoint))
        except OSError as error:
            self._errors.inc()
            log.warning("checkpoint.not-stored", error=str(error))

    async def follow(self, recorder: Recorder) -> None:
        """Store what ``recorder`` knows after every burst, until cancelled."""
        while True:
            await self.changed.wait()
            await asyncio.sleep(QUIET_SECONDS)
            self.changed.clear()
            await asyncio.to_thread(self.save, recorder.durable())
