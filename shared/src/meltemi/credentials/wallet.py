"""The credential on disk, so that a restarted agent needs no new token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from meltemi.identity.certificate import InvalidCertificateError, parse_chain
from meltemi.identity.credential import Credential
from meltemi.identity.keys import key_from_pem
from meltemi.runtime.durable import replace_file

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger()


class StoredCredential(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Key, chain and roots in one file: they cannot fail to match each other."""

    key: str
    chain: str
    roots: str


class Wallet:
    """One file of mode 0600 in the agent's folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Credential | None:
        """Return what was stored, or None when there is nothing readable."""
        try:
            stored = msgspec.json.decode(self._path.read_bytes(), type=StoredCredential)
            return Credential(
                key_from_pem(stored.key),
                parse_chain(stored.chain),
                parse_chain(stored.roots),
            )
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, InvalidCertificateError) as error:
            log.warning("credential.unreadable", file=str(self._path), error=str(error))
            return None

    def write(self, credential: Credential) -> None:
        """Store ``credential``. A full disk costs the copy, not the service."""
        stored = StoredCredential(
            credential.key_pem, credential.chain_pem, credential.roots_pem
        )
        try:
            replace_file(self._path, msgspec.json.encode(stored))
        except OSError as error:
            log.warning("credential.not-stored", file=str(self._path), error=str(error))
