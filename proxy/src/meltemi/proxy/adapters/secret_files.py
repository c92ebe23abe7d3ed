"""Files that may be served as secrets: whose paths somebody else's words name (T18).

A Gateway's or a DestinationRule's author names paths on every machine whose proxies
it reaches. They are looked at after every link was followed: within what the operator
allows, regular, small, PEM.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.file_secrets import named_files

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES: Final = 1024 * 1024
MOST_NAMES: Final = 1000
LONGEST_NAME: Final = 4096
PEM: Final = b"-----BEGIN "


class RefusedSecretError(MeshError):
    """A secret is asked for that this machine does not serve."""

    code = "agent.secret-refused"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """What may be served of this machine's files."""

    roots: tuple[Path, ...]
    """Folders; what lies below them may be served."""

    def check(self, names: Iterable[str]) -> None:
        """Make sure that nothing in ``names`` leads where it must not. Reads files.

        Raises:
            RefusedSecretError: Saying which name, and never what a file holds.

        """
        wanted = list(names)
        if len(wanted) > MOST_NAMES:
            raise RefusedSecretError(
                f"{len(wanted)} secrets are asked for at once: at most {MOST_NAMES}"
            )
        for name in wanted:
            if len(name) > LONGEST_NAME:
                raise RefusedSecretError(f"a secret's name has {len(name)} characters")
            for path in named_files(name):
                self._check(name, path)

    def _check(self, name: str, path: str) -> None:
        if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
            raise RefusedSecretError(f"{name!r}: write absolute paths, without ..")
        try:
            real = Path(path).resolve(strict=True)
            if not any(real.is_relative_to(root) for root in self.roots):
                raise RefusedSecretError(
                    f"{name!r}: {real} is in none of the folders of AGENT_FILE_ROOTS "
                    f"({', '.join(map(str, self.roots))})"
                )
            self._look(name, real)
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", "") or "links lead in a circle"
            raise RefusedSecretError(f"{name!r}: {path}: {why}") from error

    def _look(self, name: str, real: Path) -> None:
        # Without waiting: opening a FIFO would stand still until somebody writes.
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise RefusedSecretError(f"{name!r}: {real} is not a regular file")
            if found.st_size > MOST_BYTES:
                raise RefusedSecretError(f"{name!r}: {real} is over {MOST_BYTES} bytes")
            if PEM not in os.read(handle, MOST_BYTES):
                raise RefusedSecretError(f"{name!r}: {real} is not PEM")
        finally:
            os.close(handle)
