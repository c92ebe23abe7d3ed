"""The key of workload tokens on disk: made once, never replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.citadel.adapters.bundle_file import FOLDER
from meltemi.citadel.adapters.state import StateError
from meltemi.citadel.token_key import TokenKey
from meltemi.identity.certificate import InvalidCertificateError
from meltemi.identity.keys import key_from_pem, key_to_pem, new_key
from meltemi.runtime.durable import create_file

if TYPE_CHECKING:
    from pathlib import Path

KEY_FILE = "token-key.pem"


def load_token_key(directory: Path) -> TokenKey:
    """Return the key in ``directory``, making it when there is none.

    Replicas of one mesh share the file as they share the root's. To withdraw the key,
    and with it every token that is out, remove the file and start Citadel again.

    Raises:
        StateError: If the file is unreadable or open to others.

    """
    path = directory / KEY_FILE
    try:
        directory.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        if not path.exists():
            create_file(path, key_to_pem(new_key()).encode())
        if path.stat().st_mode & 0o077:
            raise StateError(
                f"{path} is open to others: consider the key known, remove the file, "
                "and make new workload tokens"
            )
        return TokenKey(key_from_pem(path.read_text("ascii", errors="replace")))
    except OSError as error:
        raise StateError(f"{directory}: {error.strerror}: {error.filename}") from error
    except InvalidCertificateError as error:
        raise StateError(
            f"{path} holds no P-256 key ({error}): restore it, or remove it and make "
            "new workload tokens"
        ) from error
