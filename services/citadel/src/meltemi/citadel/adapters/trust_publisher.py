"""The bundle of a signer whose root is kept elsewhere, told to the mesh.

A root of our own travels with its record (`signers.rotating`); what Vault or a folder
holds is looked at here, and written when it differs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from meltemi.identity.trust import TrustBundle, trust_key
from meltemi.store.ports import LedgerUnavailableError, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

    from meltemi.store.ports import LedgerWriter

    Roots = tuple[x509.Certificate, ...]

POLL_SECONDS = 1.0

log = structlog.get_logger()


class TrustPublisher:
    """Writes the signer's bundle to the ledger at the start, and when it changes.

    Only then: a replica that has not heard of the newest yet must not put the old
    one back.
    """

    def __init__(
        self, ledger: LedgerWriter, mesh: str, roots: Callable[[], Roots]
    ) -> None:
        self._ledger, self._key, self._roots = ledger, trust_key(mesh), roots
        self._told: Roots = ()

    async def tend(self) -> None:
        """Follow the signer's bundle until cancelled."""
        while True:
            try:
                await self.refresh()
            except LedgerUnavailableError as error:
                log.debug("trust.not-published", error=str(error))
            await asyncio.sleep(POLL_SECONDS)

    async def refresh(self) -> None:
        """Write the bundle if it is another than this replica told of last.

        Raises:
            LedgerUnavailableError: If it is unknown whether it was written.

        """
        roots = self._roots()
        if not roots or roots == self._told:
            return
        bundle = TrustBundle.of(roots).encode()
        entry = await self._ledger.get(self._key)
        if entry is None or entry.value != bundle:
            await self._ledger.commit([Write(self._key, bundle)])
            log.info("trust.published", roots=len(roots))
        self._told = roots
