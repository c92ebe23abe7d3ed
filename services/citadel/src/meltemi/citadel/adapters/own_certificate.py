"""Citadel's own server certificate, renewed in process at half of its life."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from meltemi.citadel.admit import citadel_identity
from meltemi.citadel.issue import Template
from meltemi.citadel.signer import SignerUnavailableError, obtain
from meltemi.credentials.mutual import server_credentials
from meltemi.identity.credential import Credential
from meltemi.identity.keys import build_csr, new_key
from meltemi.kernel.errors import MeshError
from meltemi.kernel.renewal import renewal_delay

if TYPE_CHECKING:
    import grpc

    from meltemi.citadel.signer import Signer
    from meltemi.kernel.clock import Clock

LIFETIME = timedelta(days=30)
"""Cut to what the signer's own certificate has left."""

POLL_SECONDS = 1.0
RETRY_SECONDS = 5.0


class OwnCertificate:
    """Server credentials that follow the signer: its bundle, and half a life.

    A handshake is shown what lies ready: a signer may be a network away. Until the
    first is there no handshake succeeds.

    Attributes:
        held: What is shown now, or None.
        arrived: Set once there is a first.
        trouble: Why there is none, or no successor for one that is due; else None.

    """

    def __init__(self, signer: Signer, trust_domain: str, clock: Clock) -> None:
        self._signer = signer
        self._identity = citadel_identity(trust_domain)
        self._clock = clock
        self.held: Credential | None = None
        self.arrived = asyncio.Event()
        self.trouble: str | None = "no certificate was signed yet"

    def credentials(self, *, clients_prove: bool) -> grpc.ServerCredentials:
        """Return credentials; with ``clients_prove`` a certificate is required.

        Raises:
            SignerUnavailableError: If no first has arrived.

        """
        return server_credentials(self._current, clients_prove=clients_prove)

    async def tend(self) -> None:
        """Renew what is due and follow the bundle, until cancelled."""
        while True:
            try:
                await self.refresh()
                wait = POLL_SECONDS
            except MeshError as error:
                self.trouble = f"{error.code}: {error}"
                wait = RETRY_SECONDS if self.held else POLL_SECONDS
            await asyncio.sleep(wait)

    async def refresh(self) -> None:
        """Take a successor when one is due, or the bundle has changed.

        The root that signed the last one may be on its way out of the bundle.

        Raises:
            MeshError: If the signer gives none. Then what was there stays.

        """
        if self.held is None or self._due(self.held):
            await self._renew()
        self.trouble = None

    def _current(self) -> Credential:
        if self.held is None:
            raise SignerUnavailableError(f"nothing to serve with: {self.trouble}")
        return self.held

    def _due(self, held: Credential) -> bool:
        leaf = held.leaf
        return held.roots != self._signer.roots or not renewal_delay(
            leaf.not_valid_before_utc,
            leaf.not_valid_after_utc,
            now=self._clock.now(),
            jitter=0,
        )

    async def _renew(self) -> None:
        key = new_key()
        template = Template(
            self._identity,
            key.public_key(),
            self._affordable(),
            local_server=True,
            csr=build_csr(key, self._identity),
        )
        signed = await obtain(self._signer, template, self._clock)
        self.held = Credential(key, signed.chain, self._signer.roots)
        self.arrived.set()

    def _affordable(self) -> timedelta:
        """Return the longest lifetime that the signer has for us.

        We renew in time whatever it is; a workload must be told instead.
        """
        if self._signer.expires is None:
            return LIFETIME
        return min(LIFETIME, self._signer.expires - self._clock.now())
