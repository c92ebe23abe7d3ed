"""The port where proxies prove who they are: open once there is something to show."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meltemi.credentials.mutual import server_credentials
from meltemi.kernel.identity import control_plane
from meltemi.runtime.grpc_server import serving

if TYPE_CHECKING:
    from random import Random

    import grpc

    from meltemi.credentials.keeper import Keeper
    from meltemi.identity.credential import Credential
    from meltemi.kernel.clock import Clock
    from meltemi.pilot.settings import PilotSettings
    from meltemi.runtime.settings import Address

ACCOUNT = "pilot"
"""Pilot's service account, and the DNS name that agents know it by."""


class SecurePort:
    """One address, and the credential that is shown there."""

    def __init__(self, address: Address, keeper: Keeper) -> None:
        self._address, self._keeper = address, keeper

    def trouble(self) -> str | None:
        """Return why nobody can connect, or None."""
        return self._keeper.trouble()

    async def serve(self, server: grpc.aio.Server, *, grace: float) -> None:
        """Get a certificate, serve with it and its successors, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keeper.keep(_shown_at_handshakes))
            await self._keeper.arrived.wait()
            credentials = server_credentials(self._held)
            async with serving(
                server, self._address, credentials=credentials, grace=grace
            ):
                await asyncio.Event().wait()

    def _held(self) -> Credential:
        held = self._keeper.held
        assert held is not None, "the port opens after the first"  # noqa: S101 - an invariant
        return held


def secure_port(
    settings: PilotSettings, clock: Clock, rng: Random
) -> SecurePort | None:
    """Return the port that ``settings`` ask for; None where they ask for none."""
    address, joining = settings.xds_tls_address, settings.joining
    if address is None or joining is None:
        return None
    identity = control_plane(settings.trust_domain, ACCOUNT)
    return SecurePort(address, joining.keeper(identity, clock, rng))


async def _shown_at_handshakes(_: Credential) -> None:
    """Do nothing: every handshake asks for the newest."""
