from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import grpc
import msgspec
import pytest

from meltemi.citadel.adapters import grpc_csr
from meltemi.citadel.signers.rotating import pilots_prefix
from meltemi.credentials.citadel import CitadelClient, CitadelUnavailableError
from meltemi.credentials.keeper import Keeper, Proofs
from meltemi.credentials.wallet import Wallet
from meltemi.identity.certificate import spiffe_id
from meltemi.identity.federation import Anchor, Federation
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.trust import TrustBundle, trust_key
from meltemi.identity.wire import CertificateRequest
from meltemi.kernel.clock import SystemClock
from meltemi.store.ports import Write
from meltemi.testkit.agents import NOWHERE
from meltemi.testkit.authority import RATINGS, REVIEWS, credential
from meltemi.testkit.citadels import ask, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.former_names import called
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.identity.credential import Credential
    from meltemi.testkit.citadels import Citadel


def client_of(office: Citadel) -> CitadelClient:
    settings = office.settings
    return CitadelClient(settings.bootstrap_address, settings.renewal_address, REVIEWS)


def keeper(directory: Path, office: Citadel | None) -> Keeper:
    roots = directory / "absent"
    bootstrap = renewal = NOWHERE
    if office:
        roots = office.settings.state_dir / "root-cert.pem"
        bootstrap = office.settings.bootstrap_address
        renewal = office.settings.renewal_address
    return Keeper(
        CitadelClient(bootstrap, renewal, REVIEWS),
        Proofs(roots, directory / "token"),
        Wallet(directory / "credential.sealed", directory / "credential.key"),
        SystemClock(),
        Random(1),  # noqa: S311 - a jitter
    )


@asynccontextmanager
async def keeping(kept: Keeper) -> AsyncIterator[list[Credential]]:
    shown: list[Credential] = []

    async def show(credential: Credential) -> None:
        shown.append(credential)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(kept.keep(show))
        yield shown
        task.cancel()


async def test_a_restarted_agent_needs_no_new_token_and_no_citadel(
    tmp_path: Path,
) -> None:
    """F-39."""
    async with citadel(tmp_path, MemoryLedger()) as office:
        (tmp_path / "token").write_text(await office.token())
        async with keeping(keeper(tmp_path, office)) as first:
            await until(lambda: bool(first))
    (tmp_path / "token").unlink()
    async with keeping(keeper(tmp_path, None)) as second:
        await until(lambda: bool(second))
    assert second[0].leaf == first[0].leaf


async def test_a_token_that_comes_late_is_found(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        kept = keeper(tmp_path, office)
        async with keeping(kept) as shown:
            await until(lambda: "no workload token" in (kept.trouble() or ""))
            token = await office.token()
            (tmp_path / "token").write_text(token)
            await until(lambda: bool(shown))
        assert kept.trouble() is None


async def past(seconds: float) -> None:
    """Return when so many seconds have passed."""
    clock = SystemClock()
    end = clock.now() + timedelta(seconds=seconds)
    await until(lambda: clock.now() > end)


async def test_a_token_that_has_expired_buys_nothing(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        (tmp_path / "token").write_text(await office.token(ttl_seconds=1))
        await past(1.0)
        kept = keeper(tmp_path, office)
        async with keeping(kept) as shown:
            await until(lambda: "UNAUTHENTICATED" in (kept.trouble() or ""))
        assert not shown


async def test_a_workload_renews_by_certificate_after_its_token_expired(
    tmp_path: Path,
) -> None:
    lifetime = timedelta(seconds=6)
    async with citadel(tmp_path, MemoryLedger(), workload_ttl=lifetime) as office:
        (tmp_path / "token").write_text(await office.token(ttl_seconds=2))
        async with keeping(keeper(tmp_path, office)) as shown:
            await until(lambda: bool(shown))
            await past(2.0)
            before = len(shown)
            await until(lambda: len(shown) > before)
        assert shown[-1].leaf.serial_number != shown[0].leaf.serial_number


async def test_why_there_is_no_certificate_is_said(tmp_path: Path) -> None:
    kept = keeper(tmp_path, None)
    async with keeping(kept):
        await until(lambda: "no roots to believe" in (kept.trouble() or ""))


async def test_a_stored_credential_of_another_workload_is_not_served(
    tmp_path: Path,
) -> None:
    now = SystemClock().now()
    Wallet(tmp_path / "credential.sealed", tmp_path / "credential.key").write(
        credential(RATINGS, now=now)
    )
    kept = keeper(tmp_path, None)
    async with keeping(kept) as shown:
        await until(lambda: kept.trouble() is not None and bool(kept._why))
    assert not shown


async def test_a_new_authority_with_a_new_token_replaces_the_stored_credential(
    tmp_path: Path,
) -> None:
    now = SystemClock().now()
    Wallet(tmp_path / "credential.sealed", tmp_path / "credential.key").write(
        credential(REVIEWS, now=now)
    )
    async with citadel(tmp_path, MemoryLedger()) as office:
        (tmp_path / "token").write_text(await office.token())
        async with keeping(keeper(tmp_path, office)) as shown:
            await until(lambda: bool(shown))
        assert shown[0].roots_pem == office.roots.decode()


async def test_a_credential_of_the_meshs_former_name_buys_the_first_of_the_new(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    former = replace(REVIEWS, trust_domain="old.example")
    async with citadel(tmp_path, ledger, trust_domain="old.example") as office:
        held = await office.join()
        assert spiffe_id(held.leaf) == former
    wallet = Wallet(tmp_path / "credential.sealed", tmp_path / "credential.key")
    wallet.write(held)
    await ledger.commit([called("old.example")])
    async with citadel(tmp_path, ledger) as office:
        kept = keeper(tmp_path, office)
        async with keeping(kept) as shown:
            await until(lambda: bool(shown))
    assert spiffe_id(shown[0].leaf) == REVIEWS, "the old one was never served"


def test_a_torn_wallet_is_an_empty_one(tmp_path: Path) -> None:
    wallet = Wallet(tmp_path / "credential.sealed", tmp_path / "credential.key")
    assert wallet.read() is None
    wallet.write(credential())
    stored = (tmp_path / "credential.sealed").read_bytes()
    assert wallet.read()
    (tmp_path / "credential.sealed").write_bytes(stored[:-9])
    assert wallet.read() is None
    assert (tmp_path / "credential.sealed").stat().st_mode & 0o777 == 0o600


async def come_to(office: Citadel, phase: str, ledger: MemoryLedger) -> None:
    """Wait until a rotation is in ``phase``; every Pilot holds each of its bundles."""

    async def there() -> bool:
        found = await ledger.get(trust_key("default"))
        assert found
        held = {"name": "pilot-0", "trust": TrustBundle.decode(found.value).version}
        place = f"{pilots_prefix('default')}pilot-0"
        await ledger.commit([Write(place, msgspec.json.encode(held))])
        answer = await office.admin("GET", "rotation")
        return bool(answer.json()["phase"] == phase)

    await eventually(there)


async def is_believed(office: Citadel, held: Credential) -> bool:
    try:
        await client_of(office).renew(held, office.roots)
    except CitadelUnavailableError as error:
        if "UNAVAILABLE" not in str(error):  # a handshake that fails
            raise
        return False
    return True


@pytest.mark.parametrize("returns", ["DRAIN", "STEADY"])
async def test_case_22_who_was_away_while_the_root_changed_is_back(
    tmp_path: Path, returns: str
) -> None:
    """Within the window with its certificate, behind it with a new token."""
    ledger = MemoryLedger()
    settings: dict[str, Any] = {
        "rotation_distribute": 0,
        "identity_rate": "1000/s",
        "address_rate": "1000/s",
    }
    async with citadel(tmp_path, ledger, **settings) as office:
        (tmp_path / "token").write_text(await office.token())
        kept = keeper(tmp_path, office)
        async with keeping(kept) as shown:
            await until(lambda: bool(shown))
        (tmp_path / "token").unlink()
        await office.admin("POST", "rotation")
        if returns == "STEADY":
            await office.admin("POST", "rotation/taint")
        await come_to(office, returns, ledger)
        if returns == "DRAIN":
            renewed = await client_of(office).renew(shown[0], office.roots)
            assert set(shown[0].roots) < set(renewed.roots), "no token was needed"
            return

        async def is_refused() -> bool:
            return not await is_believed(office, shown[0])

        await eventually(is_refused)
        (tmp_path / "token").write_text(await office.token())
        async with keeping(keeper(tmp_path, office)) as again:
            await until(lambda: bool(again))
        assert not set(again[0].roots) & set(shown[0].roots), "it joined anew"


def test_whom_else_we_believe_is_stored_with_the_credential(tmp_path: Path) -> None:
    wallet = Wallet(tmp_path / "credential.sealed", tmp_path / "credential.key")
    anchor = Anchor("partner.example", ("PEM",))
    held = replace(credential(), federation=Federation(("a",), (anchor,)))
    wallet.write(held)
    again = wallet.read()
    assert again
    assert again.federation == held.federation


async def test_a_connection_that_outlives_its_root_renews_nothing_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age = "grpc.max_connection_age_ms"
    short = tuple((key, 500 if key == age else told) for key, told in grpc_csr.OPTIONS)
    monkeypatch.setattr(grpc_csr, "OPTIONS", short)
    ledger = MemoryLedger()
    settings: dict[str, Any] = {
        "rotation_distribute": 0,
        "identity_rate": "1000/s",
        "address_rate": "1000/s",
    }
    request = CertificateRequest(build_csr(new_key(), REVIEWS))
    async with citadel(tmp_path, ledger, **settings) as office:
        held = await office.join()
        async with office.channel(held, joins=False) as channel:
            assert await ask(channel, request)
            await office.admin("POST", "rotation/taint")
            await come_to(office, "STEADY", ledger)

            async def is_refused() -> bool:
                try:
                    await ask(channel, request)
                except grpc.aio.AioRpcError as error:
                    return error.code() is grpc.StatusCode.UNAVAILABLE
                return False

            await eventually(is_refused)
