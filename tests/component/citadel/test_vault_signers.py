"""Both Vault signers against a real Vault."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, Counter

from meltemi.citadel.issue import Template
from meltemi.citadel.signer import SignerUnavailableError, obtain
from meltemi.citadel.signers.vault_intermediate import VaultIntermediate
from meltemi.citadel.signers.vault_sign import VaultSigner
from meltemi.citadel.vault.call import Connection
from meltemi.citadel.vault.client import VaultClient
from meltemi.citadel.vault.pki import Engine
from meltemi.identity.certificate import certificate_public_der
from meltemi.identity.keys import build_csr, new_key, public_der
from meltemi.kernel.clock import SystemClock
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.vault import TRUST_DOMAIN, Vault, vault_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

    from meltemi.citadel.signer import Signer
    from meltemi.citadel.vault.login import Login

pytestmark = pytest.mark.vault

CLOCK = SystemClock()
RNG = Random(1)  # noqa: S311 - spreads waits, guards nothing
KINDS = ["sign", "intermediate"]


@pytest.fixture
def vault() -> Iterator[Vault]:
    with vault_server() as server:
        yield server


def warnings() -> Counter:
    return Counter("warnings", "Of Vault.", registry=CollectorRegistry())


def asked(key: ec.EllipticCurvePrivateKey, hours: float = 1) -> Template:
    return Template(
        REVIEWS,
        key.public_key(),
        timedelta(hours=hours),
        csr=build_csr(key, REVIEWS),
    )


@asynccontextmanager
async def tended(
    kind: str, urls: tuple[str, ...], login: Login, engine: Engine | None = None
) -> AsyncIterator[Signer]:
    """A signer that has reached its Vault, and works while the context lasts."""
    engine = engine or Engine()
    client = VaultClient(Connection(urls), login, CLOCK, RNG)
    signer: Signer = (
        VaultSigner(client, engine, RNG, warnings())
        if kind == "sign"
        else VaultIntermediate(client, engine, TRUST_DOMAIN, CLOCK, RNG)
    )
    async with asyncio.TaskGroup() as tasks:
        tending = tasks.create_task(signer.tend())
        await works(signer)
        yield signer
        tending.cancel()


async def works(signer: Signer, seconds: float = 10) -> None:
    """Wait until ``signer`` signs."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                await obtain(signer, asked(new_key()), CLOCK)
            except SignerUnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


@pytest.mark.parametrize("kind", KINDS)
async def test_a_signer_issues_what_was_asked(
    vault: Vault, tmp_path: Path, kind: str
) -> None:
    key = new_key()
    async with tended(kind, (vault.url,), vault.set_up(tmp_path)) as signer:
        signed = await obtain(signer, asked(key), CLOCK)
        assert certificate_public_der(signed.leaf) == public_der(key)
        assert len(signed.intermediates) == (kind == "intermediate")
        assert signer.trouble is None
        assert signer.expires
