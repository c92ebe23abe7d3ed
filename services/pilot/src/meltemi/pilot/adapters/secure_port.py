"""The port where proxies prove who they are: open once there is something to show."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from meltemi.identity.certificate import InvalidCertificateError
from meltemi.kernel.identity import control_plane

if TYPE_CHECKING:
    from random import Random

    from meltemi.credentials.keeper import Keeper
    from meltemi.identity.credential import Credential
    from meltemi.identity.trust import TrustBundle
    from meltemi.kernel.clock import Clock
    from meltemi.pilot.adapters.transport import Transport
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.settings import PilotSettings
    from meltemi.runtime.settings import Address

log = structlog.get_logger("meltemi.pilot")

ACCOUNT = "pilot"
"""Pilot's service account, and the DNS name that agents know it by."""


class SecurePort:
    """One address, and the credential that is shown there."""

    def __init__(
        self, address: Address, keeper: Keeper, bundle: Latest[TrustBundle | None]
    ) -> None:
        self._address, self._keeper, self._bundle = address, keeper, bundle

    def trouble(self) -> str | None:
        """Return why nobody can connect, or None."""
        return self._keeper.trouble()

    async def serve(self, carried: Transport) -> None:
        """Get a certificate, serve with it and its successors, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keeper.keep(_shown_at_handshakes))
            await self._keeper.arrived.wait()
            tasks.create_task(self._follow_trust())
            async with carried.secure(self._address, self._held):
                await asyncio.Event().wait()

    async def _follow_trust(self) -> None:
        while True:
            generation, bundle = self._bundle.generation, self._bundle.value
            if bundle is not None:
                try:
                    await self._keeper.believe(bundle.certificates)
                except InvalidCertificateError as error:
                    log.warning("trust.not-taken", error=str(error))
            await self._bundle.newer(generation)

    def _held(self) -> Credential:
        held = self._keeper.held
        assert held is not None, "the port opens after the first"  # noqa: S101 - an invariant
        return held


def secure_port(
    settings: PilotSettings,
    bundle: Latest[TrustBundle | None],
    clock: Clock,
    rng: Random,
) -> SecurePort | None:
    """Return the port that ``settings`` ask for; None where they ask for none."""
    address, joining = settings.xds_tls_address, settings.joining
    if address is None or joining is None:
        return None
    identity = control_plane(settings.trust_domain, ACCOUNT)
    return SecurePort(address, joining.keeper(identity, clock, rng), bundle)


async def _shown_at_handshakes(_: Credential) -> None:
    """Do nothing: every handshake asks for the newest."""
