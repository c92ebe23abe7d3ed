"""A folder of YAML and JSON files, read like the ledger, looked at once a second."""

from __future__ import annotations

import asyncio
import errno
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from meltemi.kernel.names import Epoch
from meltemi.pilot.adapters.told_ledger import ToldLedger
from meltemi.pilot.files.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_SECONDS: Final = 1.0
ENDINGS: Final = (".yaml", ".yml", ".json")

Stamp = tuple[int, int, int]
"""A file's inode, size and the time it was written, in nanoseconds."""
PROBLEMS_TOLD: Final = 5

log = structlog.get_logger("meltemi.pilot")


class FileLedger(ToldLedger):
    """The objects that the files below ``folder`` spell.

    Nothing is told before all files could be read at one look: a Pilot that starts
    beside a file with a mistake must not take from its proxies what that file had.

    Files and folders whose name begins with a dot are passed over: they are an
    editor's, or the earlier version of a mounted volume.
    """

    def __init__(self, folder: Path, mesh: str) -> None:
        super().__init__(Epoch("files"), self.lacking)
        self._folder, self._held = folder, Folder(mesh)
        self._seen: dict[str, Stamp | OSError] | None = None
        self._problems: tuple[str, ...] = ()
        self._unread: tuple[str, ...] = ()

    async def run(self) -> None:
        """Follow the files until cancelled; what cannot be read keeps what it said."""
        while True:
            files = await asyncio.to_thread(self._look)
            if files is not None:
                self._take(files)
            await asyncio.sleep(LOOK_SECONDS)

    def lacking(self) -> str:
        """Return why nothing is known yet: which files cannot be read."""
        if not self._unread:
            return f"{self._folder} is being read"
        told = "; ".join(self._unread[:PROBLEMS_TOLD])
        more = len(self._unread) - PROBLEMS_TOLD
        return f"{told}; and {more} more" if more > 0 else told

    def _take(self, files: dict[str, bytes | OSError]) -> None:
        found = self._held.replace(files)
        self._tell(found.unread + found.doubled)
        self._unread = found.unread
        if found.mutations:
            self.take(found.mutations)
        if not found.unread:
            self.complete()

    def _tell(self, problems: tuple[str, ...]) -> None:
        """Log what is wrong now and was not before, and once that nothing is."""
        for each in problems:
            if each not in self._problems:
                log.warning("file.unreadable", error=each)
        if self._problems and not problems:
            log.info("files.readable", folder=str(self._folder))
        self._problems = problems

    def _look(self) -> dict[str, bytes | OSError] | None:
        """Return what the files hold; None where none was written since last time."""
        stamps = dict(_stamps(self._folder))
        if stamps == self._seen:
            return None
        files = {
            name: stamp if isinstance(stamp, OSError) else _read(name)
            for name, stamp in stamps.items()
        }
        # Nothing is written when a right is given, or a disk comes back.
        lost = any(isinstance(each, OSError) for each in files.values())
        self._seen = None if lost else stamps
        return files


def _read(name: str) -> bytes | OSError:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        return error


def _stamps(folder: Path) -> Iterator[tuple[str, Stamp | OSError]]:
    """Yield every file below ``folder``, and what the system does not let us see."""
    try:
        inside = list(folder.iterdir())
    except OSError as error:
        yield str(folder), error
        return
    for each in inside:
        if each.name.startswith("."):
            continue
        try:
            found = each.stat()
        except OSError as error:
            # What went since the folder was listed is no problem.
            if not isinstance(error, FileNotFoundError) or each.is_symlink():
                yield str(each), error
            continue
        if stat.S_ISDIR(found.st_mode):
            yield from _stamps(each)
        elif each.suffix not in ENDINGS:
            continue
        elif stat.S_ISREG(found.st_mode):
            yield str(each), (found.st_ino, found.st_size, found.st_mtime_ns)
        else:
            yield str(each), OSError(errno.EINVAL, "expected a regular file")
