"""Modules on disk, each whole or not there, under the name of its own hash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import structlog

from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.shelf import SHELF_BYTES, Kept, Shelf, decode, encode
from meltemi.proxy.wasm.unpacking import unpack
from meltemi.runtime.durable import replace_file, sync_folder
from meltemi.runtime.guarded_fetch import FetchFailedError

if TYPE_CHECKING:
    from collections.abc import Collection

INDEX: Final = "index.json"
SUFFIX: Final = ".wasm"

log = structlog.get_logger()


class ModuleStore:
    """A folder of modules, and its index. All of it blocks: call it in a thread."""

    def __init__(self, folder: Path, limit: int = SHELF_BYTES) -> None:
        self._folder, self._limit = folder, limit
        self._shelf = Shelf()

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return self._shelf.size

    def load(self) -> None:
        """Take what an agent before left, if it is whole; the rest goes."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(OSError):
            self._shelf = decode((self._folder / INDEX).read_bytes())
        whole = {each for each in self._shelf.files if self._is_whole(each)}
        self._shelf = self._shelf.only(whole)
        self._sweep(whole)

    def find(self, key: str) -> Kept | None:
        """Return the module that was asked for by ``key``, if it is here."""
        found = self._shelf.find(key)
        return found if found and self.path(found).is_file() else None

    def path(self, kept: Kept) -> Path:
        """Return where a module is."""
        return self._folder.absolute() / kept.file

    def use(self, kept: Kept) -> None:
        """Note that a module is used again."""
        self._shelf = self._shelf.with_used(kept)

    def download(self) -> BinaryIO:
        """Return a nameless file of this folder, gone when it is closed.

        Raises:
            FetchFailedError: If the disk does not take it.

        """
        try:
            return tempfile.TemporaryFile(dir=self._folder)
        except OSError as error:
            raise FetchFailedError(f"the module cannot be stored: {error}") from error

    def keep(
        self, key: str, source: str, came: BinaryIO, in_use: Collection[str]
    ) -> Kept:
        """Keep the module in ``came``; what is ``in_use`` is not thrown out for it.

        Raises:
            ModuleRefusedError: If there is none in it.
            FetchFailedError: If the disk does not take it.

        """
        try:
            kept = self._stored(key, source, came)
            self._shelf = self._shelf.with_used(kept).within(
                self._limit, {*in_use, kept.file}
            )
            replace_file(self._folder / INDEX, encode(self._shelf))
            self._sweep({*self._shelf.files, *in_use})
        except OSError as error:
            raise FetchFailedError(f"the module cannot be stored: {error}") from error
        return kept

    def _stored(self, key: str, source: str, came: BinaryIO) -> Kept:
        came.seek(0)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new.")
        new = Path(name)
        try:
            with os.fdopen(handle, "w+b") as file:
                unpack(came, file)
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            kept = Kept(key, digest + SUFFIX, new.stat().st_size, source)
            new.replace(self.path(kept))
        except (OSError, ModuleRefusedError):
            new.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
        return kept

    def _is_whole(self, name: str) -> bool:
        path = self._folder / name
        if Path(name).name != name or not name.endswith(SUFFIX):
            return False
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return False
        if found != name.removesuffix(SUFFIX):
            log.warning("module.ignored", file=name, error="torn or flipped")
        return found == name.removesuffix(SUFFIX)

    def _sweep(self, kept: Collection[str]) -> None:
        for path in self._folder.iterdir():
            if path.name not in {*kept, INDEX}:
                path.unlink(missing_ok=True)
