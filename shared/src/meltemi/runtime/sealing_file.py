"""The control plane's sealing key on disk: made once, readable to its owner alone."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from meltemi.identity.sealed import SealError, SealingKey, new_sealing_key
from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.durable import create_file

if TYPE_CHECKING:
    from pathlib import Path


class SealingFileError(MeshError):
    """The file of the sealing key cannot be used as it is. It was not replaced."""

    code = "secret.key-file"
    blame = Blame.CALLER


def read_sealing_key(path: Path) -> SealingKey:
    """Return the key in ``path``.

    Raises:
        SealingFileError: If it cannot be read, is open to others, or holds no key.

    """
    try:
        if path.stat().st_mode & 0o077:
            raise SealingFileError(
                f"{path} is open to others: consider the key known, replace the "
                "secrets sealed with it, and chmod 600"
            )
        return SealingKey(base64.b64decode(path.read_bytes().strip(), validate=True))
    except OSError as error:
        raise SealingFileError(f"{path}: {error.strerror}") from error
    except (ValueError, SealError) as error:
        raise SealingFileError(
            f"{path} does not hold a sealing key: restore it from a backup; a new one "
            "would open nothing"
        ) from error


def load_sealing_key(path: Path) -> SealingKey:
    """Return the key in ``path``, making it when there is no file.

    Raises:
        SealingFileError: As `read_sealing_key`.

    """
    try:
        if not path.exists():
            text = base64.b64encode(new_sealing_key().raw) + b"\n"
            create_file(path, text)
    except OSError as error:
        raise SealingFileError(f"{path}: {error.strerror}") from error
    return read_sealing_key(path)
