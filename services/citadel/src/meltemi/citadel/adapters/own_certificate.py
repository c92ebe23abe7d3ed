"""Citadel's own server certificate, renewed in process at half of its life."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc

from meltemi.citadel.admit import citadel_identity
from meltemi.citadel.issue import Template
from meltemi.citadel.signer import SignerUnavailableError, obtain
from meltemi.identity.certificate import certificate_pem
from meltemi.identity.keys import build_csr, key_to_pem, new_key
from meltemi.kernel.errors import MeshError
from meltemi.kernel.renewal import renewal_delay

if TYPE_CHECKING:
    from cryptography import x509

    from meltemi.citadel.signed import Signed
    from meltemi.citadel.signer import Signer
    from meltemi.kernel.clock import Clock

LIFETIME = timedelta(days=30)
"""Cut to what the signer's own certificate has left."""

POLL_SECONDS = 1.0
RETRY_SECONDS = 5.0


class OwnCertificate:
    """Server credentials that follow the signer: its bundle, and half a life.

    gRPC asks for them before every handshake, from a thread of its own, and gets what
    lies ready: a signer may be a network away. Until the first is there no handshake
    succeeds.

    Attributes:
        arrived: Set once there is a first.
        trouble: Why there is none, or no successor for one that is due; else None.

    """

    def __init__(
        self,
        signer: Signer,
        trust_domain: str,
        clock: Clock,
        lifetime: timedelta = LIFETIME,
    ) -> None:
        self._signer = signer
        self._identity = citadel_identity(trust_domain)
        self._clock = clock
        self._lifetime = lifetime
        self._signed: Signed | None = None
        self._roots: tuple[x509.Certificate, ...] = ()
        self._pair = b"", b""
        self._configuration: grpc.ServerCertificateConfiguration | None = None
        self.arrived = asyncio.Event()
        self.trouble: str | None = "no certificate was signed yet"

    def credentials(self, *, clients_prove: bool) -> grpc.ServerCredentials:
        """Return credentials; with ``clients_prove`` a certificate is required.

        Raises:
            SignerUnavailableError: If no first has arrived.

        """
        return grpc.dynamic_ssl_server_credentials(
            self._current(), self._current, clients_prove
        )

    async def tend(self) -> None:
        """Renew what is due and follow the bundle, until cancelled."""
        while True:
            try:
                await self.refresh()
                wait = POLL_SECONDS
            except MeshError as error:
                self.trouble = f"{error.code}: {error}"
                wait = RETRY_SECONDS if self._signed else POLL_SECONDS
            await asyncio.sleep(wait)

    async def refresh(self) -> None:
        """Take a successor when one is due, or the bundle has changed.

        The root that signed the last one may be on its way out of the bundle.

        Raises:
            MeshError: If the signer gives none. Then what was there stays.

        """
        if self._due() or self._roots != self._signer.roots:
            await self._renew()
        self.trouble = None

    def _current(self) -> grpc.ServerCertificateConfiguration:
        if self._configuration is None:
            raise SignerUnavailableError(f"nothing to serve with: {self.trouble}")
        return self._configuration

    def _due(self) -> bool:
        if self._signed is None:
            return True
        leaf = self._signed.leaf
        return not renewal_delay(
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
            self._lifetime,
            local_server=True,
            csr=build_csr(key, self._identity),
        )
        signed = await obtain(self._signer, template, self._clock)
        self._pair = key_to_pem(key).encode(), signed.chain_pem.encode()
        self._signed = signed
        self._publish()

    def _publish(self) -> None:
        self._roots = self._signer.roots
        bundle = certificate_pem(*self._roots).encode()
        self._configuration = grpc.ssl_server_certificate_configuration(
            [self._pair], bundle
        )
        self.arrived.set()
