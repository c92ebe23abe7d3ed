"""A report as one file: written for its owner alone, and read without unpacking it."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Final

from meltemi.ctl.local.record import write_private
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of one file in a report; `packed` puts in less."""
MOST: Final = 10_000


class UnreadableReportError(MeshError):
    """A file is no report, or has no such part."""

    code = "report.unreadable"
    blame = Blame.CALLER


def write_report(path: Path, files: Mapping[str, bytes], now: datetime) -> None:
    """Write ``files`` by their names into ``path``, for its owner alone."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            member.mtime = int(now.timestamp())
            archive.addfile(member, io.BytesIO(content))
    write_private(path, made.getvalue())


def read_report(path: Path) -> dict[str, bytes]:
    """Return the files in the report at ``path``, by name; nothing is unpacked.

    Raises:
        UnreadableReportError: If it is no report.

    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    continue
                if member.size > LARGEST or len(found) >= MOST:
                    raise UnreadableReportError(f"{path}: {member.name} is too large")
                found[member.name] = content.read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UnreadableReportError(f"{path}: {error}") from None
    return found
