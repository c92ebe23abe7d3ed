"""Certificates for a played mesh, of an authority that nobody has to run.

A Pilot finds its own where it keeps it over a restart, so it asks no Citadel.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from meltemi.credentials.wallet import Wallet
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId, control_plane
from meltemi.kernel.names import Namespace
from meltemi.testkit.authority import authority, credential, write_credential
from meltemi.testkit.crowd import NAMESPACES

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from meltemi.citadel.issue import Authority
    from meltemi.testkit.crowd import Crowd

DOMAIN = "cluster.local"
NOWHERE = "127.0.0.1:1"
LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class PlayedTrust:
    """Who signs for the Pilots and the proxies of a played mesh."""

    folder: Path
    """``roots.pem``, and of each proxy ``proxy-I.pem`` and ``proxy-I.key``.

    A certificate of its own: Pilot gives few streams to who shows one.
    """
    now: datetime

    @classmethod
    def of(cls, folder: Path, crowd: Crowd) -> Self:
        """Make what the proxies of ``crowd`` show, in a new folder."""
        folder.mkdir()
        made = cls(folder, SystemClock().now())
        for number in range(crowd.first, crowd.first + crowd.proxies):
            name = Namespace(f"ns-{number % crowd.services % NAMESPACES}")
            identity = SpiffeId(DOMAIN, name, "default")
            shown = credential(
                identity, now=made.now, lifetime=LIFETIME, signer=made.signer
            )
            write_credential(folder, f"proxy-{number}", shown)
            (folder / "roots.pem").write_text(shown.roots_pem, encoding="ascii")
        return made

    @property
    def signer(self) -> Authority:
        """Return who signs."""
        return authority(DOMAIN, now=self.now)

    def environ(self, port: int) -> dict[str, str]:
        """Return what has a Pilot serve at ``port``, with a certificate that it keeps."""
        home = self.folder / f"pilot-{port}"
        home.mkdir(mode=0o700)
        shown = credential(
            control_plane(DOMAIN, "pilot"),
            now=self.now,
            lifetime=LIFETIME,
            signer=self.signer,
            local_server=True,
        )
        Wallet(home / "credential.sealed", home / "credential.key").write(shown)
        return {
            "PILOT_XDS_TLS_ADDRESS": f"127.0.0.1:{port}",
            "PILOT_CITADEL_BOOTSTRAP": NOWHERE,
            "PILOT_CITADEL_RENEWAL": NOWHERE,
            "PILOT_ROOT_CERT_FILE": str(self.folder / "roots.pem"),
            "PILOT_RUN_DIR": str(home),
        }
