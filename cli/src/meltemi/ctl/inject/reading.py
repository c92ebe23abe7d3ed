"""The files of ``meltemi inject``: read to the byte, and written so."""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.ctl.galley.text import STANDARD_INPUT, UnreadableInputError
from meltemi.injector.compose.merging import merged
from meltemi.injector.compose.relocation import Way
from meltemi.injector.compose.text import origin, original

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BETWEEN: Final = " + "


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        name: What the files are called together.
        text: Of several that of the one file that they mean together, without what was
            injected into them before.
        folder: Where relative paths in it are seen from, once that is out of it: the
            first file's, as Compose has it.

    """

    name: str
    text: str
    folder: Path

    def way_to(self, output: str) -> Way:
        """Return the way back from the folder of ``output``."""
        way = os.path.relpath(self.folder, folder_of(output))
        return Way("" if way == "." else way)


def folder_of(name: str) -> Path:
    """Return the folder of a file; of a standard stream the one we are in."""
    if name == STANDARD_INPUT:
        return Path.cwd()
    return Path(name).absolute().parent


def elsewhere(folder: Path, output: str) -> Iterator[str]:
    """Yield what is to be said to Compose of a file that is not in its ``folder``.

    It takes the name of the project and ``.env`` from where the file is.
    """
    there = folder_of(output)
    words: list[str] = []
    if (folder / ".env").exists() and not (there / ".env").exists():
        words += ["--env-file", os.path.relpath(folder / ".env")]
    if _project(folder) != _project(there):
        words += ["-p", _project(folder)]
    if words and folder.resolve() != there.resolve():
        command = shlex.join(["docker", "compose", *words, "-f", output, "up", "-d"])
        yield f"{output}: is in another folder now: {command}"


def _project(folder: Path) -> str:
    """Return what Compose calls a project of this folder."""
    return re.sub(r"[^a-z0-9_-]", "", folder.resolve().name.lower()).lstrip("_-")


def read_files(names: Sequence[str]) -> Reading:
    """Return what the compose files ``names`` say together.

    Raises:
        UnreadableInputError: If one cannot be read.
        InvalidConfigError: If several cannot be joined.

    """
    given = [(name, _text(name)) for name in names]
    first, text = given[0]
    folder = folder_of(first) / origin(text)
    if len(given) == 1:
        return Reading(first, text, folder)
    plain = [(name, original(text)[0]) for name, text in given]
    return Reading(BETWEEN.join(names), merged(plain), folder)


def write_out(name: str, text: str) -> None:
    """Write ``text`` to the file ``name``, or to standard output.

    Raises:
        UnreadableInputError: If it cannot be written.

    """
    if name == STANDARD_INPUT:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    try:
        is_new = not Path(name).exists()
        Path(name).write_bytes(text.encode())
        if is_new:
            give_to_owner(Path(name))
    except OSError as error:
        raise UnreadableInputError(f"{name}: {error.strerror}") from None


def give_to_owner(path: Path) -> None:
    """Give what root has just made to who owns the folder that it is in.

    A container writes as root into the folder of somebody who is not.
    """
    if os.geteuid() == 0:
        above = path.absolute().parent.stat()
        os.chown(path, above.st_uid, above.st_gid)


def _text(name: str) -> str:
    try:
        if name == STANDARD_INPUT:
            return sys.stdin.buffer.read().decode()
        return Path(name).read_bytes().decode()
    except OSError as error:
        raise UnreadableInputError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UnreadableInputError(f"{name}: byte {error.start} is not UTF-8") from None
