"""A folder of YAML and JSON files, read like the ledger, looked at once a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from meltemi.kernel.names import Epoch
from meltemi.pilot.adapters.told_ledger import ToldLedger
from meltemi.pilot.files.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOK_SECONDS: Final = 1.0
ENDINGS: Final = (".yaml", ".yml", ".json")

Seen = frozenset[tuple[str, int, int, int]]
"""Of each file its name, inode, size and the time it was written, in nanoseconds."""

log = structlog.get_logger("meltemi.pilot")


class FileLedger(ToldLedger):
    """The objects that the files below ``folder`` spell.

    Files and folders whose name begins with a dot are passed over: they are an
    editor's, or the earlier version of a mounted volume.
    """

    def __init__(self, folder: Path, mesh: str) -> None:
        super().__init__(Epoch("files"), self._why_not)
        self._folder, self._held = folder, Folder(mesh)
        self._seen: Seen | None = None
        self._trouble = "it was not read yet"

    async def run(self) -> None:
        """Follow the files until cancelled; what cannot be read keeps what it said."""
        while True:
            try:
                files = await asyncio.to_thread(self._look)
            except OSError as error:
                if self._trouble != str(error):
                    log.warning(
                        "files.away", folder=str(self._folder), error=str(error)
                    )
                self._trouble = str(error)
                files = None
            else:
                self._trouble = ""
            if files is not None:
                self._take(files)
            await asyncio.sleep(LOOK_SECONDS)

    def _take(self, files: dict[str, bytes]) -> None:
        found = self._held.replace(files)
        for problem in found.problems:
            log.warning("file.unreadable", error=problem)
        if found.mutations:
            self.take(found.mutations)
        self.complete()

    def _look(self) -> dict[str, bytes] | None:
        """Return what the files hold; None where none was written since last time."""
        paths = sorted(self._files(self._folder))
        stats = ((path, path.stat()) for path in paths)
        seen = frozenset(
            (str(path), it.st_ino, it.st_size, it.st_mtime_ns) for path, it in stats
        )
        if seen == self._seen:
            return None
        files = {str(path): path.read_bytes() for path in paths}
        self._seen = seen
        return files

    def _files(self, folder: Path) -> Iterator[Path]:
        for each in folder.iterdir():
            if each.name.startswith("."):
                continue
            if each.is_dir():
                yield from self._files(each)
            elif each.suffix in ENDINGS:
                yield each

    def _why_not(self) -> str:
        return f"{self._folder}: {self._trouble}"
