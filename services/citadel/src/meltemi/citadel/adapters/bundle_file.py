"""The trust bundle as a file, for those who cannot ask for it yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meltemi.identity.certificate import certificate_pem
from meltemi.runtime.durable import PUBLIC, replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.citadel.signer import Signer

BUNDLE_FILE = "root-cert.pem"
FOLDER = 0o755
"""The bundle in it is for others to read; keys guard themselves with their mode."""

POLL_SECONDS = 1.0


class BundleFile:
    """``root-cert.pem`` in Citadel's folder: always what the signer's bundle is.

    Attributes:
        trouble: Why the file is not there or not of now, or None.

    """

    def __init__(self, directory: Path, signer: Signer) -> None:
        self._path = directory / BUNDLE_FILE
        self._signer = signer
        self._written = ""
        self.trouble: str | None = "the trust bundle is not known yet"

    async def tend(self) -> None:
        """Follow the signer's bundle until cancelled."""
        while True:
            self.refresh()
            await asyncio.sleep(POLL_SECONDS)

    def refresh(self) -> None:
        """Write the bundle if it has changed. What was there stays if that fails."""
        bundle = certificate_pem(*self._signer.roots)
        if not bundle or bundle == self._written:
            return
        try:
            self._path.parent.mkdir(mode=FOLDER, parents=True, exist_ok=True)
            replace_file(self._path, bundle.encode(), mode=PUBLIC)
        except OSError as error:
            self.trouble = f"{self._path}: {error.strerror}"
            return
        self._written, self.trouble = bundle, None
