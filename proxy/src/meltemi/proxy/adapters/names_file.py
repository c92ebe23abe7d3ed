"""The names of the mesh as they were told last, on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from meltemi.proxy.checkpoint import (
    Checkpoint,
    CorruptCheckpointError,
    decode,
    encode,
)
from meltemi.runtime.durable import replace_file
from meltemi.xds.name_table import TYPE_URL

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger()


class NamesFile:
    """Where the names of one node survive its agent, and everybody else."""

    def __init__(self, directory: Path, node: str) -> None:
        self._path, self._node = directory / "names.checkpoint", node

    def load(self) -> bytes | None:
        """Return the table as it was told; None if there is none of this node."""
        try:
            found = decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, CorruptCheckpointError) as error:
            log.warning("names.ignored", file=self._path.name, error=str(error))
            return None
        if found.node != self._node:
            log.info("names.ignored", file=self._path.name, error=f"of {found.node}")
            return None
        return found.types.get(TYPE_URL, {}).get("")

    def save(self, table: bytes) -> None:
        """Store ``table``. A disk that refuses costs the copy, not the service."""
        kept = Checkpoint(self._node, {TYPE_URL: {"": table}})
        try:
            replace_file(self._path, encode(kept))
        except OSError as error:
            log.warning("names.not-stored", error=str(error))
