"""The key encryption key of this machine, and what it seals and opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from cryptography import x509

from meltemi.citadel.adapters.state import AUTHORITY_FILE, Store
from meltemi.citadel.issue import check_authority, create_root
from meltemi.citadel.sealing import Sealed, seal
from meltemi.identity.keys import key_to_pem, new_key
from meltemi.runtime.durable import replace_file

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from meltemi.citadel.issue import Authority
    from meltemi.config.trust_domains import MeshDomains
    from meltemi.kernel.clock import Clock


log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StateSafe:
    """Seals with the key in Citadel's folder, and keeps a copy of what signs there.

    The copy is what a mesh whose ledger was lost begins with again.
    """

    store: Store
    domains: MeshDomains
    clock: Clock

    @property
    def _path(self) -> Path:
        return self.store.directory / AUTHORITY_FILE

    def sealed(self) -> Sealed:
        """Return the authority in the folder, making one where there is none.

        Raises:
            StateError: If a file cannot be used. Nothing is replaced.

        """
        self.store.load(self.domains.now, now=self.clock.now())
        return Sealed.decode(self._path.read_bytes())

    def successor(self, generation: int, now: datetime) -> Sealed:
        """Return a new authority, number ``generation``, sealed."""
        key = new_key()
        made = create_root(
            key,
            trust_domain=self.domains.now.own,
            now=now,
            serial=x509.random_serial_number(),
        )
        return seal(
            key_to_pem(key),
            made.certificate,
            self.store.kek(needed=True),
            self.domains.now.own,
            generation,
        )

    def open(self, sealed: Sealed) -> Authority:
        """Return what ``sealed`` holds.

        Raises:
            UnsealError: If it was sealed with another key, or for another mesh.
            StateError: If the key is not there.
            MeshError: If it cannot sign.

        """
        authority = sealed.open(self.store.kek(needed=True), self.domains.now)
        check_authority(authority, now=self.clock.now())
        return authority

    def keep(self, sealed: Sealed) -> None:
        """Have ``sealed`` in the folder. A full disk costs the copy alone."""
        text = sealed.encode()
        try:
            if not self._path.exists() or self._path.read_bytes() != text:
                replace_file(self._path, text)
        except OSError as error:
            log.warning("authority.not-kept", file=str(self._path), error=str(error))
