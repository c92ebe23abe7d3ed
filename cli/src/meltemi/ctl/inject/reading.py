"""The files of ``meltemi inject``: read to the byte, and written so."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.ctl.galley.text import STANDARD_INPUT, UnreadableInputError
from meltemi.injector.compose.merging import merged
from meltemi.injector.compose.text import original

if TYPE_CHECKING:
    from collections.abc import Sequence

BETWEEN: Final = " + "


def read_files(names: Sequence[str]) -> tuple[str, str]:
    """Return what several compose files are called together, and their text.

    Of several the text is that of the one file that they mean together, without
    what was injected into them before.

    Raises:
        UnreadableInputError: If one cannot be read.
        InvalidConfigError: If several cannot be joined.

    """
    given = [(name, _text(name)) for name in names]
    if len(given) == 1:
        return given[0]
    plain = [(name, original(text)[0]) for name, text in given]
    return BETWEEN.join(names), merged(plain)


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
