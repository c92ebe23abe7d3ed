"""The authority's key on disk: made once, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from meltemi.citadel.adapters.bundle_file import FOLDER
from meltemi.citadel.issue import Authority, check_authority, create_root
from meltemi.identity.certificate import (
    InvalidCertificateError,
    parse_chain,
)
from meltemi.identity.keys import key_from_pem, key_to_pem, new_key
from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.durable import create_file

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

AUTHORITY_FILE = "authority.pem"


class StateError(MeshError):
    """The state directory cannot be used as it is. Nothing in it was replaced."""

    code = "citadel.state"
    blame = Blame.CALLER


def load_authority(directory: Path, *, trust_domain: str, now: datetime) -> Authority:
    """Return the authority in ``directory``, making it when there is none.

    Key and certificate lie in one file, which is linked into place: of two replicas
    that start together on one directory, one makes it and both use it.

    Raises:
        StateError: If the file is unreadable or open to others. It is never replaced:
            a new root would cut every workload off.
        MeshError: If the stored root cannot sign.

    """
    path = directory / AUTHORITY_FILE
    try:
        directory.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        if not path.exists():
            key = new_key()
            made = create_root(
                key,
                trust_domain=trust_domain,
                now=now,
                serial=x509.random_serial_number(),
            )
            create_file(path, (key_to_pem(key) + made.bundle_pem).encode())
        authority = _read(path)
        check_authority(authority, now=now)
    except OSError as error:
        raise StateError(f"{directory}: {error.strerror}: {error.filename}") from error
    return authority


def _read(path: Path) -> Authority:
    if path.stat().st_mode & 0o077:
        raise StateError(
            f"{path} is open to others: consider the key known, and rotate the root"
        )
    text = path.read_text(encoding="ascii", errors="replace")
    start = text.find("-----BEGIN CERTIFICATE-----")
    try:
        (root,) = parse_chain(text[max(start, 0) :])
        return Authority(key_from_pem(text[: max(start, 0)]), root)
    except (InvalidCertificateError, ValueError) as error:
        raise StateError(
            f"{path} does not hold a key and its certificate ({error}): restore it "
            "from a backup; it is not replaced, for that would cut every workload off"
        ) from error
