"""The two ports on which certificates are asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meltemi.runtime.grpc_server import serving

if TYPE_CHECKING:
    import grpc

    from meltemi.citadel.adapters.own_certificate import OwnCertificate
    from meltemi.citadel.settings import CitadelSettings


class Doors:
    """Bootstrap and renewal, open once there is a certificate to serve with.

    Attributes:
        trouble: Why they are closed, or None.

    """

    def __init__(self, bootstrap: grpc.aio.Server, renewal: grpc.aio.Server) -> None:
        self._bootstrap = bootstrap
        self._renewal = renewal
        self.trouble: str | None = "closed until Citadel has its own certificate"

    async def serve(self, settings: CitadelSettings, own: OwnCertificate) -> None:
        """Serve both until cancelled; raise `AddressInUseError`."""
        await own.arrived.wait()
        async with (
            serving(
                self._bootstrap,
                settings.bootstrap_address,
                credentials=own.credentials(clients_prove=False),
            ),
            serving(
                self._renewal,
                settings.renewal_address,
                credentials=own.credentials(clients_prove=True),
            ),
        ):
            self.trouble = None
            await asyncio.Event().wait()
