"""The authority on disk: made once, encrypted, whole or not at all.

::

    authority.json   key (AES-256-GCM) and root     authority.kek   what opens it
    authority.pem    an older version's, in plain: encrypted and removed at start
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509

from meltemi.citadel.adapters.bundle_file import FOLDER
from meltemi.citadel.issue import Authority, check_authority, create_root
from meltemi.citadel.sealing import Sealed, UnsealError, seal
from meltemi.identity.certificate import InvalidCertificateError, parse_chain
from meltemi.identity.keys import key_from_pem, key_to_pem, new_key
from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.durable import create_file, sync_folder
from meltemi.runtime.sealing_file import (
    SealingFileError,
    load_sealing_key,
    read_sealing_key,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from meltemi.identity.sealed import SealingKey
    from meltemi.kernel.identity import TrustDomains

AUTHORITY_FILE = "authority.json"
KEK_FILE = "authority.kek"
PLAIN_FILE = "authority.pem"
RESTORE = (
    "restore it from a backup; it is not replaced, for that would cut every "
    "workload off"
)


class StateError(MeshError):
    """The state directory cannot be used as it is. Nothing in it was replaced."""

    code = "citadel.state"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Store:
    """Where an authority lies, and where what opens it.

    Attributes:
        directory: The state folder.
        kek_file: The key encryption key; None: beside the authority.

    """

    directory: Path
    kek_file: Path | None = None

    def load(self, domains: TrustDomains, *, now: datetime) -> Authority:
        """Return the authority, making it when there is none.

        Every file is linked into place: of two replicas that start together on one
        directory, one makes it and both use it.

        Raises:
            StateError: If a file is unreadable, damaged or open to others, or the
                encryption key is wrong. It is never replaced: a new root would cut
                every workload off.
            MeshError: If the stored root cannot sign.

        """
        try:
            self.directory.mkdir(mode=FOLDER, parents=True, exist_ok=True)
            authority = self._loaded(domains, now)
        except OSError as error:
            raise StateError(
                f"{self.directory}: {error.strerror}: {error.filename}"
            ) from error
        check_authority(authority, now=now)
        return authority

    def _loaded(self, domains: TrustDomains, now: datetime) -> Authority:
        path, plain = self.directory / AUTHORITY_FILE, self.directory / PLAIN_FILE
        kek = self.kek(needed=False)
        if not path.exists():
            key_pem, certificate = (
                _read_plain(plain) if plain.exists() else _made(domains.own, now)
            )
            authority = Authority(key_from_pem(key_pem), certificate)
            check_authority(authority, now=now)
            sealed = seal(key_pem, certificate, kek, domains.own)
            create_file(path, sealed.encode())
        try:
            opened = Sealed.decode(_private(path)).open(kek, domains)
        except UnsealError as error:
            raise StateError(f"{path}: {error}: {RESTORE}") from error
        if plain.exists():
            plain.unlink()
            sync_folder(self.directory)
        return opened

    def kek(self, *, needed: bool) -> SealingKey:
        """Return the key encryption key; one that was there before is not made.

        Raises:
            StateError: If it is needed and not there, or not one.

        """
        path = self.kek_file or self.directory / KEK_FILE
        try:
            if path.exists():
                return read_sealing_key(path)
            if needed or (self.directory / AUTHORITY_FILE).exists():
                raise StateError(
                    f"{path} is not there, and without it no key that was sealed with "
                    f"it opens: {RESTORE}"
                )
            if self.kek_file is not None:
                raise StateError(
                    f"{path} is not there: make it with openssl rand -base64 32"
                )
            return load_sealing_key(path)
        except SealingFileError as error:
            raise StateError(str(error)) from error


def _made(trust_domain: str, now: datetime) -> tuple[str, x509.Certificate]:
    key = new_key()
    serial = x509.random_serial_number()
    made = create_root(key, trust_domain=trust_domain, now=now, serial=serial)
    return key_to_pem(key), made.certificate


def _private(path: Path) -> bytes:
    """Return what ``path`` holds, if only its owner can read it."""
    if path.stat().st_mode & 0o077:
        raise StateError(
            f"{path} is open to others: consider the key known, and rotate the root"
        )
    return path.read_bytes()


def _read_plain(path: Path) -> tuple[str, x509.Certificate]:
    """Return key and root of an older version's file."""
    text = _private(path).decode("ascii", errors="replace")
    start = max(text.find("-----BEGIN CERTIFICATE-----"), 0)
    try:
        (root,) = parse_chain(text[start:])
        key_from_pem(text[:start])
    except (InvalidCertificateError, ValueError) as error:
        raise StateError(
            f"{path} does not hold a key and its certificate ({error}): {RESTORE}"
        ) from error
    return text[:start], root
