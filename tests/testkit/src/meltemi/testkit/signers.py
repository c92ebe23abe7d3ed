"""Signers for tests: put together, tended, and asked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter

from meltemi.citadel.issue import Template
from meltemi.citadel.signer import obtain
from meltemi.citadel.signers.vault_intermediate import VaultIntermediate
from meltemi.citadel.signers.vault_sign import VaultSigner
from meltemi.citadel.vault.client import VaultClient
from meltemi.citadel.vault.pki import Engine
from meltemi.identity.keys import build_csr, new_key
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.errors import MeshError
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.vault import TRUST_DOMAIN
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cryptography.hazmat.primitives.asymmetric import ec

    from meltemi.citadel.signed import Signed
    from meltemi.citadel.signer import Signer
    from meltemi.citadel.vault.call import Connection
    from meltemi.citadel.vault.login import Login

CLOCK = SystemClock()
RNG = Random(1)  # noqa: S311 - spreads waits, guards nothing


def asked(
    key: ec.EllipticCurvePrivateKey | None = None,
    lifetime: timedelta = timedelta(hours=1),
) -> Template:
    """What reviews asks for, with ``key`` or a new one."""
    key = key or new_key()
    return Template(REVIEWS, key.public_key(), lifetime, csr=build_csr(key, REVIEWS))


async def sign(signer: Signer, template: Template | None = None) -> Signed:
    """What leaves Citadel for ``template``, or for any."""
    return await obtain(signer, template or asked(), CLOCK)


def warnings() -> Counter:
    """A count of Vault's warnings that nobody else reads."""
    return Counter("warnings", "Of Vault.", registry=CollectorRegistry())


def vault_signer(
    kind: str,
    connection: Connection,
    login: Login,
    engine: Engine | None = None,
    counter: Counter | None = None,
) -> Signer:
    """The signer of ``kind``, ``sign`` or ``intermediate``, not tended yet."""
    engine = engine or Engine()
    client = VaultClient(connection, login, CLOCK, RNG)
    if kind == "sign":
        return VaultSigner(client, engine, RNG, counter or warnings())
    return VaultIntermediate(client, engine, TRUST_DOMAIN, CLOCK, RNG)


@asynccontextmanager
async def tended(signer: Signer) -> AsyncIterator[Signer]:
    """Tend ``signer`` while the context lasts, from when it knows its bundle."""
    async with asyncio.TaskGroup() as tasks:
        tending = tasks.create_task(signer.tend())
        await until(lambda: bool(signer.roots))
        try:
            yield signer
        finally:
            tending.cancel()


async def works(signer: Signer, seconds: float = 10) -> None:
    """Wait until ``signer`` signs."""

    async def signs() -> bool:
        try:
            await sign(signer)
        except MeshError:
            return False
        return True

    await eventually(signs, seconds=seconds)
