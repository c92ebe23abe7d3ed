"""Keeps the workload's credential fresh, and the old one until the new is here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from meltemi.credentials.citadel import CertificateRefusedError
from meltemi.credentials.keeping import (
    hurried,
    is_predecessor,
    patience,
    readiness,
    speaks_for,
    trouble_with,
    until_renewal,
)
from meltemi.identity.certificate import (
    InvalidCertificateError,
    fingerprint,
    parse_chain,
    verify_chain,
)
from meltemi.identity.federation import NOBODY, Federation
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime
    from pathlib import Path
    from random import Random

    from cryptography import x509

    from meltemi.credentials.citadel import CitadelClient
    from meltemi.credentials.wallet import Wallet
    from meltemi.identity.credential import Credential
    from meltemi.kernel.clock import Clock

LOOK_AGAIN_SECONDS = 5.0
"""The longest sleep: after a jump of the wall clock, or when another root signs, the
plan is made anew."""

LONGEST_TOKEN = 64 * 1024
"""Bytes of a token's file; a longer one holds something else."""

log = structlog.get_logger()


class NoProofError(MeshError):
    """There is neither a certificate nor a token to ask Citadel with."""

    code = "agent.no-proof"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Proofs:
    """Files that prove who we are: read at each use, for they come and go."""

    roots: Path
    token: Path | None

    def read_roots(self) -> bytes:
        """Return the roots to believe Citadel by; raise `NoProofError`."""
        try:
            return self.roots.read_bytes()
        except OSError as error:
            raise NoProofError(
                f"no roots to believe Citadel by: {self.roots}: {error.strerror}"
            ) from error

    def read_token(self) -> str | None:
        """Return the workload token, or None when there is none to be had."""
        if self.token is None:
            return None
        try:
            with self.token.open("rb") as file:
                raw = file.read(LONGEST_TOKEN + 1)
            return raw.decode("ascii").strip() if len(raw) <= LONGEST_TOKEN else None
        except (OSError, UnicodeDecodeError):
            return None


class Keeper:
    """Holds the credential.

    Attributes:
        held: The newest credential, or None before the first.
        arrived: Set once there is one.

    """

    def __init__(
        self,
        citadel: CitadelClient,
        proofs: Proofs,
        wallet: Wallet,
        clock: Clock,
        rng: Random,
    ) -> None:
        self.held: Credential | None = None
        self.arrived = asyncio.Event()
        self._citadel, self._proofs, self._wallet = citadel, proofs, wallet
        self._clock, self._rng = clock, rng
        self._why = ""
        self._former: Credential | None = None
        """Ours of another trust domain, to show until there is one of this."""
        self._leave_by: datetime | None = None
        self._show: Callable[[Credential], Awaitable[None]] = _unseen
        self._since = clock.now()
        """When what is held was made, or obtained."""
        self._beginning = asyncio.Lock()

    def trouble(self) -> str | None:
        """Return why there is no usable certificate, or None."""
        why = readiness(self.held, now=self._clock.now())
        return f"{why}: {self._why}" if why and self._why else why

    async def keep(self, show: Callable[[Credential], Awaitable[None]]) -> None:
        """Get a credential, ``show`` it, renew it, until cancelled."""
        self._show = show
        credential = await self.first()
        since = self._since
        while True:
            self.held = credential
            await show(credential)
            self.arrived.set()
            await self._until_due(credential, since)
            fresh = await self._obtained()
            credential = replace(fresh, federation=self.held.federation)
            since = self._clock.now()

    async def first(self) -> Credential:
        """Return the credential to begin with, the stored one or a new one.

        It may be asked for before `keep`, which then goes on with the same.
        """
        async with self._beginning:
            if self.held is None:
                stored = self._usable()
                self.held = stored or await self._obtained()
                self._since = (
                    stored.leaf.not_valid_before_utc if stored else self._clock.now()
                )
            return self.held

    async def believe(
        self, roots: tuple[x509.Certificate, ...], beside: Federation = NOBODY
    ) -> None:
        """Believe ``roots`` from now on, and ``beside`` them, and no others.

        When the first of them, which signs now, is not the one that signed for us,
        the next certificate is asked for soon: spread out, for everybody does so.

        Raises:
            InvalidCertificateError: If our own certificate does not hold under them.

        """
        held = self.held
        if held is None or (held.roots, held.federation) == (roots, beside):
            return
        verify_chain(held.chain, roots, now=self._clock.now())
        self.held = replace(held, roots=roots, federation=beside)
        self._wallet.write(self.held)
        log.info("trust.changed", roots=[fingerprint(each) for each in roots])
        await self._show(self.held)
        if not speaks_for(held, roots[:1], now=self._clock.now()):
            now = self._clock.now()
            within = self._rng.random() * hurried(held, now=now)
            self._leave_by = now + timedelta(seconds=within)

    def _usable(self) -> Credential | None:
        """Return the stored credential if it may be served again."""
        stored = self._wallet.read()
        if stored is None:
            return None
        now, identity = self._clock.now(), self._citadel.identity
        if is_predecessor(stored, identity, now=now):
            self._former = stored
        why = trouble_with(stored, identity, now=now)
        if why is None and self._proofs.read_token() and not self._known(stored):
            why = "the authority is another now, and there is a token for it"
        if why:
            log.info("credential.not-reused", why=why)
            return None
        log.info(
            "credential.reused", not_after=f"{stored.leaf.not_valid_after_utc:%FT%TZ}"
        )
        return stored

    def _known(self, stored: Credential) -> bool:
        try:
            roots = parse_chain(self._proofs.read_roots())
        except (NoProofError, InvalidCertificateError):
            return True
        return speaks_for(stored, roots, now=self._clock.now())

    async def _until_due(self, credential: Credential, since: datetime) -> None:
        draw = self._rng.random()
        while True:
            now = self._clock.now()
            wait = until_renewal(credential, since=since, now=now, draw=draw)
            if self._leave_by is not None:
                wait = min(wait, max(0.0, (self._leave_by - now).total_seconds()))
            if not wait:
                self._leave_by = None
                return
            await asyncio.sleep(min(wait, LOOK_AGAIN_SECONDS))

    async def _obtained(self) -> Credential:
        attempt = 0
        while True:
            try:
                credential = await self._ask()
                credential.check(self._citadel.identity, now=self._clock.now())
            except MeshError as error:
                self._note(error)
                backoff = patience(self.held, now=self._clock.now())
                await asyncio.sleep(backoff.delay(attempt, self._rng))
                attempt += 1
            else:
                self._why = ""
                self._wallet.write(credential)
                log.info(
                    "credential.obtained",
                    identity=str(self._citadel.identity),
                    not_after=f"{credential.leaf.not_valid_after_utc:%FT%TZ}",
                )
                return credential

    def _note(self, error: MeshError) -> None:
        """Say why there is no credential, once for each reason."""
        if str(error) != self._why:
            log.warning("credential.missed", code=error.code, error=str(error))
        self._why = str(error)

    async def _ask(self) -> Credential:
        """Ask by certificate while one is valid, else by token.

        A token also serves where the certificate cannot: refused, or of an authority
        that is no longer ours. An authority that is merely away is waited for.
        """
        roots = self._proofs.read_roots()
        token = self._proofs.read_token()
        shown = self.held or self._former
        if shown and not readiness(shown, now=self._clock.now()):
            try:
                return await self._citadel.renew(shown, roots)
            except MeshError as error:
                refused = isinstance(error, CertificateRefusedError)
                if token is None or not (refused or not self._known(shown)):
                    raise
                if str(error) != self._why:
                    log.info("credential.renewal-failed", error=str(error))
        if not token:
            raise NoProofError(
                f"no workload token in {self._proofs.token}, and no valid certificate: "
                "make one with meltemi token create"
            )
        return await self._citadel.join(token, roots)


async def _unseen(_: Credential) -> None:
    """Show nothing: nobody looks before `Keeper.keep`."""
