"""Who did what, from where, and what became of it: every write, also the refused.

A workload that says what it said before is no news: agents repeat their registration
every half minute, and would drown what people look for.

Kept here are the newest records; all of them go to the log, and to a file where one
is set: one JSON object a line, so that it can be shipped elsewhere. Nothing of it is
written to the ledger: a caller that is refused must not be able to fill it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from typing import TYPE_CHECKING, Final, Self

import msgspec
import structlog

if TYPE_CHECKING:
    from pathlib import Path

KEPT: Final = 10_000
"""Records that can be asked for."""
FILE_BYTES: Final = 16 * 1024 * 1024
"""Size at which the file is put aside as ``NAME.1``, over the one before."""
MOST_WAITING: Final = 10_000
"""Records that wait for a slow file; beyond them the log alone has them."""
SETTLE_SECONDS: Final = 2.0
"""How long an answer waits for a file that does not take its record."""

log = structlog.get_logger("meltemi.galley.audit")


class Record(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One write that was asked for."""

    time: str
    actor: str
    """``anonymous`` where nobody was believed."""
    address: str
    """Where it came from, ``HOST``."""
    verb: str
    target: str
    """The path of the request."""
    outcome: str
    """created, configured, unchanged, deleted, …; or the code of the refusal."""
    allowed: bool
    revision: str = ""
    reason: str = ""


class Audit:
    """The records of one Galley.

    The file is written by a thread, many records at once, and never by the event
    loop. An answer waits until its record is `settled`: a Galley that is killed has
    acknowledged nothing that the file does not know of.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._lines: list[bytes] = []
        self._noted = self._written = 0
        self._moved = asyncio.Condition()
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        if self._file is not None:
            if self._file.exists():
                self._records.extend(await asyncio.to_thread(_recalled, self._file))
            self._writing = self._tasks.create_task(self._write(self._file))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._file is not None:
            await self.settled()
            self._writing.cancel()
        await self._tasks.__aexit__(None, None, None)

    def note(self, record: Record) -> None:
        """Keep ``record``; what the file cannot have is said so in the log."""
        self._records.append(record)
        log.info("write.audited", **msgspec.to_builtins(record))
        if self._file is None:
            return
        if len(self._lines) >= MOST_WAITING:
            log.warning("audit.not-written", records=1, error="the file is too slow")
            return
        self._lines.append(msgspec.json.encode(record) + b"\n")
        self._noted += 1

    async def settled(self) -> None:
        """Wait until what was noted is in the file, or the log says why it is not."""
        goal = self._noted
        if self._written >= goal:
            return
        try:
            async with asyncio.timeout(SETTLE_SECONDS), self._moved:
                self._moved.notify_all()
                await self._moved.wait_for(lambda: self._written >= goal)
        except TimeoutError:
            log.warning("audit.late", waiting=self._noted - self._written)

    def newest(self, limit: int, **wanted: str) -> tuple[Record, ...]:
        """Return up to ``limit`` records, newest first, whose fields are as wanted."""
        found: list[Record] = []
        for record in reversed(self._records):
            if all(getattr(record, name) == value for name, value in wanted.items()):
                found.append(record)
                if len(found) == limit:
                    break
        return tuple(found)

    async def _write(self, file: Path) -> None:
        """Bring lines into the file, whatever came since the last time at once."""
        while True:
            async with self._moved:
                await self._moved.wait_for(lambda: bool(self._lines))
                lines, self._lines = self._lines, []
            try:
                await asyncio.to_thread(_append, file, b"".join(lines))
            except OSError as error:
                log.warning("audit.not-written", records=len(lines), error=str(error))
            async with self._moved:
                self._written += len(lines)
                self._moved.notify_all()


def _append(file: Path, lines: bytes) -> None:
    if file.exists() and file.stat().st_size > FILE_BYTES:
        file.replace(file.with_name(file.name + ".1"))
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as stream:
        stream.write(lines)


def _recalled(file: Path) -> list[Record]:
    found: deque[Record] = deque(maxlen=KEPT)
    with file.open("rb") as lines:
        for line in lines:
            with contextlib.suppress(msgspec.MsgspecError):  # cut by a crash
                found.append(msgspec.json.decode(line, type=Record))
    return list(found)
