"""Signing with a key that this process holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cryptography import x509

from meltemi.citadel.issue import issue
from meltemi.citadel.signed import Signed

if TYPE_CHECKING:
    from datetime import datetime

    from meltemi.citadel.issue import Authority, Template
    from meltemi.kernel.clock import Clock


class HeldSigner:
    """Signs at once, on the event loop: a P-256 signature takes 30 µs.

    Attributes:
        authority: What signs. Replaced as a whole, so that no answer mixes two.
        trouble: Always None: what is needed is here.

    """

    trouble: str | None = None

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self.authority = authority
        self._clock = clock

    async def sign(self, template: Template) -> Signed:
        """Return a certificate of ``template``; raise `SignerExpiredError`."""
        authority = self.authority
        leaf = issue(
            authority,
            template,
            now=self._clock.now(),
            serial=x509.random_serial_number(),
        )
        return Signed(leaf, authority.chain)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """The trust bundle."""
        return self.authority.trusted

    @property
    def expires(self) -> datetime | None:
        """When the authority's own certificates end."""
        return self.authority.expires

    async def tend(self) -> None:
        """Wait to be cancelled: nothing has to be done."""
        await asyncio.Event().wait()
