"""What a service needs to get a certificate of Citadel, and the keeper of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.credentials.citadel import CitadelClient
from meltemi.credentials.keeper import Keeper, Proofs
from meltemi.credentials.wallet import Wallet
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from meltemi.kernel.clock import Clock
    from meltemi.kernel.identity import SpiffeId
    from meltemi.runtime.settings import Address


class JoiningError(MeshError):
    """There is no place to keep a credential in."""

    code = "credentials.folder"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Joining:
    """How to join the mesh.

    Attributes:
        bootstrap: Where a workload token buys a certificate.
        renewal: Where a certificate buys the next one.
        roots: Roots to believe Citadel by, until it has given us its bundle.
        token: The workload token; the file may be gone once it was used.
        folder: Where the credential is kept over a restart, open to us alone.
        wallet_key: What it is sealed with; None: a key beside it.
        node: What this machine is called, where a token is bound to one.

    """

    bootstrap: Address
    renewal: Address
    roots: Path
    token: Path | None
    folder: Path
    wallet_key: Path | None = None
    node: str = ""

    def client(self, identity: SpiffeId) -> CitadelClient:
        """Return what asks Citadel for ``identity``."""
        return CitadelClient(self.bootstrap, self.renewal, identity, self.node)

    def keeper(self, identity: SpiffeId, clock: Clock, rng: Random) -> Keeper:
        """Return the keeper of the credential of ``identity``, and make its folder.

        Raises:
            JoiningError: If the folder cannot be made.

        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JoiningError(
                f"no folder for the certificate: {self.folder}: {error.strerror}"
            ) from error
        key = self.wallet_key or self.folder / "credential.key"
        return Keeper(
            self.client(identity),
            Proofs(self.roots, self.token),
            Wallet(self.folder / "credential.sealed", key),
            clock,
            rng,
        )
