"""Who may be nobody here any more: denied serial numbers and identities.

::

    /mesh/citadel/v1/MESH/denied/serial/HEX
    /mesh/citadel/v1/MESH/denied/identity/NAMESPACE/ACCOUNT
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.kernel.identity import SpiffeId


def denied_prefix(mesh: str) -> str:
    """Return where the denials of ``mesh`` lie in the ledger."""
    return f"/mesh/citadel/v1/{mesh}/denied/"


def serial_key(serial: int) -> str:
    """Return a certificate's place under the prefix."""
    return f"serial/{serial:x}"


def identity_key(identity: SpiffeId) -> str:
    """Return a workload's place under the prefix."""
    return f"identity/{identity.namespace}/{identity.service_account}"


class Denials:
    """The newest picture of the list. A `Follower` of the ledger.

    Attributes:
        known: Whether the ledger was read once. Before, nobody is known to be denied.

    """

    def __init__(self) -> None:
        self.known = False
        self._denied: set[str] = set()
        self._changed = asyncio.Event()

    def reason(self, identity: SpiffeId, serial: int | None = None) -> str | None:
        """Return why a caller is denied, or None."""
        if identity_key(identity) in self._denied:
            return f"{identity} is denied"
        if serial is not None and serial_key(serial) in self._denied:
            return f"the certificate {serial:x} of {identity} is revoked"
        return None

    async def until_denied(self, identity: SpiffeId, serial: int) -> str:
        """Wait until a caller is denied; return why."""
        while True:
            changed = self._changed
            why = self.reason(identity, serial)
            if why is not None:
                return why
            await changed.wait()

    def replace(self, found: Mapping[str, bytes]) -> None:
        """Hold ``found``, and nothing else."""
        self._denied = set(found)
        self.known = True
        self._wake()

    def change(self, key: str, value: bytes | None) -> None:
        """Take one change of the list."""
        if value is None:
            self._denied.discard(key)
        else:
            self._denied.add(key)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
