"""The credential on disk, so that a restarted agent needs no new token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from meltemi.identity.certificate import parse_chain
from meltemi.identity.credential import Credential
from meltemi.identity.federation import NOBODY, Federation
from meltemi.identity.keys import key_from_pem
from meltemi.kernel.errors import MeshError
from meltemi.runtime.durable import replace_file
from meltemi.runtime.sealing_file import load_sealing_key, read_sealing_key

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = "credential"

log = structlog.get_logger()


class StoredCredential(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Key, chain and roots in one file: they cannot fail to match each other."""

    key: str
    chain: str
    roots: str
    federation: Federation = NOBODY


class Wallet:
    """One file of mode 0600 in the agent's folder, sealed with a key beside it.

    The key may lie elsewhere (``AGENT_CACHE_KEY_FILE``, say on a tmpfs): then a copy
    of the folder, as in a backup, is worth nothing.
    """

    def __init__(self, path: Path, key_file: Path) -> None:
        self._path, self._key_file = path, key_file

    def read(self) -> Credential | None:
        """Return what was stored, or None when there is nothing readable."""
        try:
            sealed = self._path.read_text(encoding="ascii")
            key = read_sealing_key(self._key_file)
            plain = key.unseal(sealed, about=ABOUT)
            stored = msgspec.json.decode(plain, type=StoredCredential)
            return Credential(
                key_from_pem(stored.key),
                parse_chain(stored.chain),
                parse_chain(stored.roots),
                stored.federation,
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.DecodeError, MeshError) as error:
            log.warning("credential.unreadable", file=str(self._path), error=str(error))
            return None

    def write(self, credential: Credential) -> None:
        """Store ``credential``. A full disk costs the copy, not the service."""
        stored = StoredCredential(
            credential.key_pem,
            credential.chain_pem,
            credential.roots_pem,
            credential.federation,
        )
        try:
            key = load_sealing_key(self._key_file)
            sealed = key.seal(msgspec.json.encode(stored), about=ABOUT)
            replace_file(self._path, sealed.encode("ascii"))
        except (OSError, MeshError) as error:
            log.warning("credential.not-stored", file=str(self._path), error=str(error))
