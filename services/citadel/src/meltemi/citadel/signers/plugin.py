"""An authority that its owner puts into a folder, and may replace while we run.

::

    ca-cert.pem ca-key.pem cert-chain.pem root-cert.pem
        │ read each second, by content
        ▼
    whole? key fits? proven? old roots kept or only left out? ──no──▶ the old one stays
        │ yes
        ▼
    swapped in one assignment
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from meltemi.citadel.issue import Authority
from meltemi.citadel.signers.held import HeldSigner
from meltemi.citadel.trust import check_proven, check_successor
from meltemi.citadel.vault.answers import is_root
from meltemi.identity.certificate import fingerprint, parse_chain
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from meltemi.citadel.issue import Template
    from meltemi.citadel.signed import Signed
    from meltemi.kernel.clock import Clock

FILES = ("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem")
"""Istio's names in its secret ``cacerts``."""

CRL = "ca-crl.pem"
"""Istio's name for a list of revoked certificates, which nobody here would look at."""

FILE_LIMIT = 1 << 20
POLL_SECONDS = 1.0

log = structlog.get_logger()


class PluginError(MeshError):
    """The folder does not hold an authority that can sign."""

    code = "citadel.plugin"
    blame = Blame.CALLER


class PluginSigner:
    """Signs with the newest good authority of the folder.

    Attributes:
        trouble: Why the files there now are not in use, or None. The authority before
            them goes on signing.

    """

    def __init__(self, folder: Path, trust_domain: str, clock: Clock) -> None:
        """Read the folder; raise `MeshError` if it cannot sign as it is."""
        self._folder = folder
        self._trust_domain = trust_domain
        self._clock = clock
        self._seen = read_files(folder)
        self._held = HeldSigner(self._proven(self._seen), clock)
        self.trouble: str | None = None

    async def sign(self, template: Template) -> Signed:
        """Return a certificate of ``template``; raise `SignerExpiredError`."""
        return await self._held.sign(template)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """The certificates of ``root-cert.pem``."""
        return self._held.roots

    @property
    def expires(self) -> datetime | None:
        """When the first of the authority's certificates ends."""
        return self._held.expires

    async def tend(self) -> None:
        """Follow the folder until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self.refresh()

    def refresh(self) -> None:
        """Take what is new in the folder, if it is good."""
        before = self.trouble
        try:
            found = read_files(self._folder)
            if found != self._seen:
                authority = self._proven(found)
                check_successor(self._held.roots, authority.trusted)
                self._held, self._seen = HeldSigner(authority, self._clock), found
                log.info("authority.replaced", ca=fingerprint(authority.certificate))
            self.trouble = None
        except MeshError as error:
            self.trouble = f"{error.code}: {error}; the authority before it signs"
        if self.trouble and self.trouble != before:
            log.warning("authority.not_replaced", reason=self.trouble)

    def _proven(self, files: tuple[bytes, ...]) -> Authority:
        authority = read_authority(files)
        check_proven(authority, self._trust_domain, now=self._clock.now())
        return authority


def read_files(folder: Path) -> tuple[bytes, ...]:
    """Return what the four files hold, in the order of `FILES`.

    Raises:
        PluginError: If one is not there, not a file, too long, or the key is open to
            others; or if there is a list of revoked certificates.

    """
    if (folder / CRL).exists():
        raise PluginError(
            f"{folder / CRL}: proxies here check no such list, of any authority; "
            "refuse certificates with meltemi cert revoke, and remove the file"
        )
    found: list[bytes] = []
    for name in FILES:
        path = folder / name
        try:
            if not path.is_file():
                raise PluginError(f"{path} is not there: expected {', '.join(FILES)}")
            if name == "ca-key.pem" and path.stat().st_mode & 0o077:
                raise PluginError(
                    f"{path} is open to others: chmod 600, and replace it"
                )
            with path.open("rb") as file:
                found.append(file.read(FILE_LIMIT))
        except OSError as error:
            raise PluginError(f"{path}: {error.strerror}") from error
    return tuple(found)


def read_authority(files: tuple[bytes, ...]) -> Authority:
    """Return the authority that the four files make. Not proven yet.

    ``cert-chain.pem`` may begin with the authority's own certificate and end with
    roots, as Istio's documentation makes it: both are in the other files.

    Raises:
        MeshError: If one cannot be read.

    """
    ca, key, chain, roots = files
    certificate, *others = parse_chain(ca)
    trusted = parse_chain(roots)
    above = [
        each
        for each in (*others, *parse_chain(chain))
        if each != certificate and not is_root(each)
    ]
    return Authority(read_key(key), certificate, tuple(dict.fromkeys(above)), trusted)


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """Return a signing key, RSA or elliptic-curve; raise `PluginError`."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise PluginError("ca-key.pem holds no unencrypted private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise PluginError("ca-key.pem: expected an RSA or elliptic-curve key")
    return key
