"""Who did what, from where, and what became of it: every write, also the refused.

Kept here are the newest records; all of them go to the log, and to a file where one
is set: one JSON object a line, so that it can be shipped elsewhere. Nothing of it is
written to the ledger: a caller that is refused must not be able to fill it.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

if TYPE_CHECKING:
    from pathlib import Path

KEPT: Final = 10_000
"""Records that can be asked for."""
FILE_BYTES: Final = 16 * 1024 * 1024
"""Size at which the file is put aside as ``NAME.1``, over the one before."""

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
    """The records of one Galley."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._records: deque[Record] = deque(maxlen=KEPT)
        if file is not None and file.exists():
            self._recall(file)

    def note(self, record: Record) -> None:
        """Keep ``record``; a file that cannot be written is said so in the log."""
        self._records.append(record)
        told = msgspec.to_builtins(record)
        log.info("write.audited", **told)
        if self._file is None:
            return
        try:
            self._append(self._file, msgspec.json.encode(record) + b"\n")
        except OSError as error:
            log.warning("audit.not-written", error=str(error))

    def newest(self, limit: int, **wanted: str) -> tuple[Record, ...]:
        """Return up to ``limit`` records, newest first, whose fields are as wanted."""
        found: list[Record] = []
        for record in reversed(self._records):
            if all(getattr(record, name) == value for name, value in wanted.items()):
                found.append(record)
                if len(found) == limit:
                    break
        return tuple(found)

    def _append(self, file: Path, line: bytes) -> None:
        if file.exists() and file.stat().st_size > FILE_BYTES:
            file.replace(file.with_name(file.name + ".1"))
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write(line)

    def _recall(self, file: Path) -> None:
        with file.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(msgspec.MsgspecError):  # cut by a crash
                    self._records.append(msgspec.json.decode(line, type=Record))
