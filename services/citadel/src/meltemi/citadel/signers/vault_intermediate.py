"""Citadel signs, under a short-lived intermediate that Vault signs for its key.

Vault may be away for a third of the intermediate's life: nobody asks it before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from meltemi.citadel.issue import Authority
from meltemi.citadel.signer import SignerUnavailableError
from meltemi.citadel.signers.held import HeldSigner
from meltemi.citadel.trust import check_proven, check_successor
from meltemi.citadel.vault.answers import read_roots, read_signed
from meltemi.citadel.vault.call import Call
from meltemi.identity.keys import new_key
from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from meltemi.citadel.issue import Template
    from meltemi.citadel.signed import Signed
    from meltemi.citadel.vault.client import VaultClient
    from meltemi.citadel.vault.pki import Engine
    from meltemi.kernel.clock import Clock

RENEW_AT = 2 / 3
JITTER = 0.05
"""Of the lifetime, early: replicas that started together do not renew together."""

PAUSE = Backoff(first=0.5, ceiling=5.0)
POLL_SECONDS = 1.0
"""How often the wall clock is looked at: it may jump, a sleep would not notice."""

log = structlog.get_logger()


class VaultIntermediate:
    """Holds a key of its own, in memory alone; a restart makes a new one."""

    def __init__(
        self,
        vault: VaultClient,
        engine: Engine,
        trust_domain: str,
        clock: Clock,
        rng: Random,
    ) -> None:
        self._vault = vault
        self._engine = engine
        self._trust_domain = trust_domain
        self._clock = clock
        self._rng = rng
        self._held: HeldSigner | None = None
        self._failure: str | None = "Vault has signed no intermediate yet"

    async def sign(self, template: Template) -> Signed:
        """Return a certificate of ``template``.

        Raises:
            SignerUnavailableError: If there is no intermediate yet.
            SignerExpiredError: If it ends too soon.

        """
        if self._held is None:
            raise SignerUnavailableError(f"no intermediate: {self._failure}")
        return await self._held.sign(template)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """The roots above the intermediate."""
        return self._held.roots if self._held else ()

    @property
    def expires(self) -> datetime | None:
        """When the intermediate ends."""
        return self._held.expires if self._held else None

    @property
    def trouble(self) -> str | None:
        """Why there is no intermediate to sign with.

        Vault's absence is no trouble while there is one: that is what it is for.
        """
        expires = self.expires
        if expires is None or expires <= self._clock.now():
            return self._failure or "the intermediate has ended"
        return None

    async def tend(self) -> None:
        """Keep the login, and renew the intermediate in time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._vault.tend())
            tasks.create_task(self._keep())

    async def _keep(self) -> None:
        attempt = 0
        while True:
            try:
                authority = await self._requested()
                self._held = HeldSigner(authority, self._clock)
                attempt, self._failure = 0, None
                log.info("intermediate.signed", expires=authority.expires.isoformat())
                await self._until_due(authority)
            except MeshError as error:
                self._failure = f"{error.code}: {error}"
                if not attempt:
                    log.warning("intermediate.not_signed", reason=self._failure)
                await asyncio.sleep(PAUSE.delay(attempt, self._rng))
                attempt += 1

    async def _until_due(self, authority: Authority) -> None:
        begun = self._clock.now()  # Vault dates its certificates back
        share = RENEW_AT - self._rng.random() * JITTER
        due = begun + (authority.expires - begun) * share
        while self._clock.now() < due:  # noqa: ASYNC110 - the wall clock has no event
            await asyncio.sleep(POLL_SECONDS)

    async def _requested(self) -> Authority:
        """Return a new authority that Vault has signed, proven to work."""
        key = new_key()
        builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
        request = builder.sign(key, hashes.SHA256())
        fields = {
            "csr": request.public_bytes(serialization.Encoding.PEM).decode(),
            "common_name": f"Citadel of {self._trust_domain}",
            "exclude_cn_from_sans": "true",
            "uri_sans": f"spiffe://{self._trust_domain}",
            "max_path_length": "0",
            "ttl": f"{int(self._engine.intermediate_ttl.total_seconds())}s",
        }
        path = f"{self._engine.issuer_path}/sign-intermediate"
        call = Call("sign the intermediate", "post", path, {**fields})
        answer = await self._vault.ask(call)
        signed, roots = read_signed(answer), read_roots(answer)
        if self._held is not None:
            check_successor(self._held.roots, roots)
        authority = Authority(key, signed.leaf, signed.intermediates, roots)
        check_proven(authority, self._trust_domain, now=self._clock.now())
        return authority
