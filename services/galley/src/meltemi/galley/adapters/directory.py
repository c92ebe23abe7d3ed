"""A folder of YAML beside the API: whatever it says becomes so, whole or not at all.

A folder that does not hold together changes nothing: what was last good stays.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from watchfiles import awatch

from meltemi.config.canonical import content
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KINDS
from meltemi.galley.adapters.asking import timestamp
from meltemi.galley.admit import Preconditions, Stamp
from meltemi.galley.audit import Record
from meltemi.galley.folder import (
    AT_ONCE,
    OWNED,
    SELECTOR,
    SUFFIXES,
    Folder,
    Sourced,
    left,
    read_folder,
)
from meltemi.galley.intent import Asked, Removal, Replacement
from meltemi.galley.objects import Order
from meltemi.galley.permission import DirectorySource
from meltemi.galley.selector import Selection
from meltemi.kernel.errors import MeshError
from meltemi.runtime.containment import Failed, contained_wait
from meltemi.store.ports import LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.adapters.galley import Galley
    from meltemi.galley.intent import Intent
    from meltemi.galley.objects import Outcome

AGAIN_MILLISECONDS = 10_000
"""The folder is compared with the mesh that often, although no file changes: what
others made of its objects is put right, and a ledger that was away is caught up.
"""

log = structlog.get_logger("meltemi.galley")


class Directory:
    """Keeps the mesh at what the files of one folder say."""

    def __init__(self, path: Path, galley: Galley) -> None:
        self._path, self._galley = path, galley
        self.sourced = Sourced(directory=str(path))
        """How it stands."""
        self.looked = False
        """Whether the folder was held against the mesh at least once."""

    async def run(self) -> None:
        """Follow the folder until cancelled."""
        while True:
            await self.reconcile()
            try:
                async for _ in awatch(
                    self._path,
                    recursive=False,
                    rust_timeout=AGAIN_MILLISECONDS,
                    yield_on_timeout=True,
                ):
                    await self.reconcile()
            except FileNotFoundError:  # until it is there
                await asyncio.sleep(AGAIN_MILLISECONDS / 1000)

    async def reconcile(self) -> None:
        """Make the mesh what the folder says, or say why that cannot be."""
        result = await contained_wait(self._brought())
        if isinstance(result, Failed):
            self._settle(Folder(), self._problems(result.error))
        else:
            self._settle(result.value, ())
        self.looked = True

    async def _brought(self) -> Folder:
        """Read the folder, and write what differs from it."""
        folder = await asyncio.to_thread(_read, self._path)
        await self._apply(folder)
        return folder

    def _problems(self, error: Exception) -> tuple[str, ...]:
        """Return what to tell; a bug of ours costs the folder, and not the service."""
        match error:
            case InvalidConfigError():
                return tuple(str(each) for each in error.findings)
            case LedgerUnavailableError():
                return (f"{self._path}: {error.code}: {error}",)
            case MeshError() | OSError():
                return (f"{self._path}: {error}",)
            case _:
                log.error("directory.failed", path=str(self._path), exc_info=error)
                return (f"{self._path}: could not be read: {error!r}",)

    def _settle(self, folder: Folder, problems: tuple[str, ...]) -> None:
        before = self.sourced
        if problems:
            now = Sourced(
                directory=before.directory,
                objects=before.objects,
                applied=before.applied,
                problems=problems,
            )
        else:
            now = Sourced(
                directory=before.directory,
                objects=len(folder.objects),
                applied=timestamp(self._galley.clock.now()),
                warnings=tuple(str(each) for each in folder.warnings),
            )
        for line in now.problems if now.problems != before.problems else ():
            log.warning("directory.refused", problem=line)
        for line in now.warnings if now.warnings != before.warnings else ():
            log.info("directory.warned", warning=line)
        self.sourced = now

    async def _apply(self, folder: Folder) -> None:
        """Write what differs: one transaction for 60 objects, removals last."""
        held = await self._held()
        there = {each.key: content(each) for each in held}
        wanted = [
            self._order(Replacement(each), folder.files[each.key])
            for each in folder.objects
            if there.get(each.key) != content(each)
        ]
        gone = [self._order(Removal(key), "") for key in left(folder, held)]
        for part in _portions([*wanted, *gone]):
            self._note(part, await self._galley.objects.perform(part))
        await self._galley.audit.settled()

    async def _held(self) -> Sequence[Resource[Message]]:
        """Return the folder's objects that are in force."""
        selection = Selection.parse(SELECTOR, "")
        held: list[Resource[Message]] = []
        for kind in KINDS:
            listed = await self._galley.reads.list(kind.name, None, selection)
            if listed.stale:
                raise LedgerUnavailableError("what is there cannot be told")
            held += [each.resource for each in listed.items]
        return held

    def _order(self, intent: Intent, file: str) -> Order:
        now = timestamp(self._galley.clock.now())
        reason = f"as {file} says" if file else "it left the directory"
        caller = DirectorySource()
        stamp = Stamp(caller.manager, now, self._galley.new_uid(), reason)
        return Order(intent, Asked(caller, stamp, Preconditions()))

    def _note(self, orders: Sequence[Order], outcomes: Sequence[Outcome]) -> None:
        """Keep in the audit what was changed."""
        for order, outcome in zip(orders, outcomes, strict=True):
            if not outcome.written:
                continue
            self._galley.audit.note(
                Record(
                    time=order.asked.stamp.time,
                    actor=OWNED,
                    address="",
                    verb="delete" if outcome.removed else "put",
                    target=str(order.intent.key),
                    outcome=outcome.word,
                    allowed=True,
                    revision=str(outcome.held.revision),
                    reason=order.asked.stamp.reason,
                )
            )


def _read(path: Path) -> Folder:
    files = sorted(each for each in path.iterdir() if each.suffix in SUFFIXES)
    return read_folder((str(each), each.read_bytes()) for each in files)


def _portions(orders: Sequence[Order]) -> Iterator[Sequence[Order]]:
    for start in range(0, len(orders), AT_ONCE):
        yield orders[start : start + AT_ONCE]
