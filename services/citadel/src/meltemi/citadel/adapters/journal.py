"""The audit on its way: to the log at once, to its file by a thread."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import msgspec
import structlog

from meltemi.citadel.audit import FIRST, BrokenChainError, Line, chain, check_chain

if TYPE_CHECKING:
    from pathlib import Path

FLUSH_SECONDS = 0.2
MOST_WAITING = 10_000
"""Lines that wait for a slow file; beyond them the log alone has them."""

log = structlog.get_logger("meltemi.citadel.audit")


class Journal:
    """Chains what is decided. Without a file the log alone has it.

    Attributes:
        trouble: Why the file did not take the newest lines, or None.

    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._last = FIRST if file is None else _recalled(file)
        self._waiting: list[bytes] = []
        self._writing = threading.Lock()
        self.lost = 0
        """Lines that the file will never have."""
        self.trouble: str | None = None

    def note(self, line: Line) -> None:
        """Write down one decision."""
        told, self._last = chain(line, self._last)
        shown = {key: each for key, each in msgspec.to_builtins(line).items() if each}
        shown.pop("what")
        log.info(line.what, **shown)
        if self._file is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.lost += 1  # the chain shows that something is missing
            return
        self._waiting.append(told + b"\n")

    async def tend(self) -> None:
        """Write what waits, until cancelled; then once more."""
        try:
            while self._file is not None:
                await self._flush()
                await asyncio.sleep(FLUSH_SECONDS)
        finally:
            self._write()

    async def _flush(self) -> None:
        if self._waiting:
            await asyncio.to_thread(self._write)

    def _write(self) -> None:
        """Append what waits. The end of `tend` may meet the thread that it began."""
        with self._writing:
            self._append()

    def _append(self) -> None:
        lines = self._waiting[:]
        if self._file is None or not lines:
            return
        try:
            with self._file.open("ab", buffering=0) as file:
                file.write(b"".join(lines))
            self._file.chmod(0o600)
        except OSError as error:
            self.trouble = f"the audit file is not written: {error}"
            return
        del self._waiting[: len(lines)]
        self.trouble = None


def _recalled(file: Path) -> str:
    """Return the hash that the next line follows on.

    Raises:
        BrokenChainError: If the file's last line is none of ours. It is left alone.

    """
    if not file.exists():
        return FIRST
    lines = file.read_bytes().splitlines()
    try:
        return check_chain(lines)
    except BrokenChainError as error:
        raise BrokenChainError(
            f"{file}: {error}: put the file aside, and find out who changed it"
        ) from error
