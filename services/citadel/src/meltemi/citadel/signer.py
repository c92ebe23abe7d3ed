"""The port to whoever signs, and the door every certificate comes through.

::

    Office, OwnCertificate ──▶ obtain() ──▶ Signer.sign() ──▶ a key here, or Vault
                                  ▲              │
                                  └─ check_signed ┘
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meltemi.citadel.signed import Signed, check_signed
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from meltemi.citadel.issue import Template
    from meltemi.kernel.clock import Clock


class SignerUnavailableError(MeshError):
    """Who signs cannot be asked now, or has nothing to sign with yet."""

    code = "citadel.signer-unavailable"
    blame = Blame.PEER


class SignerBusyError(MeshError):
    """More wait for the signer than it can serve in time."""

    code = "citadel.signer-busy"
    blame = Blame.PEER


class Signer(Protocol):
    """Makes certificates. What it promises is checked, not believed."""

    async def sign(self, template: Template) -> Signed:
        """Return a certificate of ``template`` and the intermediates above it.

        Raises:
            SignerUnavailableError: If it cannot sign now: the same may work later.
            SignerBusyError: If too many ask at once.
            SignerExpiredError: If its own certificate ends too soon.

        """
        ...

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """The trust bundle: what a workload must believe. Empty until it is known."""
        ...

    @property
    def expires(self) -> datetime | None:
        """When the authority's own certificates end, or None until it is known."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why it could not sign now, or None. Must not block."""
        ...

    async def tend(self) -> None:
        """Keep keys, logins and bundle in order until cancelled.

        What goes wrong on the way is told by `trouble`, and tried again.
        """
        ...


async def obtain(signer: Signer, template: Template, clock: Clock) -> Signed:
    """Return what ``signer`` makes of ``template``, checked.

    Raises:
        BadIssueError: If it made something else.
        MeshError: What `Signer.sign` raises.

    """
    made = await signer.sign(template)
    return check_signed(made, template, signer.roots, now=clock.now())
