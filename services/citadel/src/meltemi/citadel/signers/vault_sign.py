"""Vault signs every certificate: the mesh's key never leaves it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meltemi.citadel.issue import LOCAL_IP, local_names
from meltemi.citadel.signer import SignerUnavailableError
from meltemi.citadel.trust import check_successor
from meltemi.citadel.vault.answers import read_roots, read_signed, warned
from meltemi.citadel.vault.call import Call
from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from cryptography import x509
    from prometheus_client import Counter

    from meltemi.citadel.issue import Template
    from meltemi.citadel.signed import Signed
    from meltemi.citadel.vault.client import VaultClient
    from meltemi.citadel.vault.pki import Engine

BUNDLE_SECONDS = 60.0
"""How often the issuer is read: it changes when its owner rotates it."""

PAUSE = Backoff(first=0.5, ceiling=5.0)


class VaultSigner:
    """One call of Vault for each certificate."""

    def __init__(
        self, vault: VaultClient, engine: Engine, rng: Random, warnings: Counter
    ) -> None:
        self._vault = vault
        self._engine = engine
        self._rng = rng
        self._warnings = warnings
        self._roots: tuple[x509.Certificate, ...] = ()
        self._expires: datetime | None = None
        self._unread: str | None = "the issuer was not read yet"

    async def sign(self, template: Template) -> Signed:
        """Return what Vault makes of ``template``; raises what `VaultClient.ask` does.

        Its fields are made anew for each call, and hold no ``not_after``, which would
        bypass the role's longest lifetime.
        """
        if not self._roots:
            raise SignerUnavailableError(f"Vault: {self._unread}")
        fields = {
            "csr": template.csr,
            "common_name": "",
            "uri_sans": str(template.identity),
            "ttl": f"{int(template.lifetime.total_seconds())}s",
        }
        role = self._engine.role
        if template.local_server:
            role = self._engine.server_role
            fields |= {
                "alt_names": local_names(template.identity.service_account),
                "ip_sans": LOCAL_IP,
            }
        path = f"{self._engine.issuer_path}/sign/{role}"
        answer = await self._vault.ask(Call("sign", "post", path, {**fields}))
        if warned(answer):
            self._warnings.inc()
        return read_signed(answer)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """The roots above the issuer."""
        return self._roots

    @property
    def expires(self) -> datetime | None:
        """When the issuer's certificate or one above it ends."""
        return self._expires

    @property
    def trouble(self) -> str | None:
        """Why the issuer could not be read, or the last call failed."""
        return self._unread or self._vault.trouble

    async def tend(self) -> None:
        """Keep the login and the bundle, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._vault.tend())
            tasks.create_task(self._follow())

    async def _follow(self) -> None:
        attempt = 0
        while True:
            try:
                await self._read_issuer()
                attempt, self._unread = 0, None
                wait = BUNDLE_SECONDS
            except MeshError as error:
                self._unread = f"{error.code}: {error}"
                wait = PAUSE.delay(attempt, self._rng)
                attempt += 1
            await asyncio.sleep(wait)

    async def _read_issuer(self) -> None:
        path = f"{self._engine.issuer_path}/json"
        answer = await self._vault.ask(Call("read the issuer", "get", path))
        line, roots = read_signed(answer), read_roots(answer)
        if self._roots:
            check_successor(self._roots, roots)
        self._roots = roots
        ends = [each.not_valid_after_utc for each in (*line.chain, *roots)]
        self._expires = min(ends)
