"""Both Vault signers against a real Vault."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import grpc
import pytest

from meltemi.citadel.signer import SignerUnavailableError
from meltemi.citadel.vault.call import Connection, Fields, data_of
from meltemi.credentials.citadel import CitadelClient
from meltemi.credentials.keeper import Keeper, Proofs
from meltemi.credentials.wallet import Wallet
from meltemi.identity.certificate import certificate_public_der
from meltemi.identity.keys import build_csr, new_key, public_der
from meltemi.identity.wire import CertificateRequest
from meltemi.kernel.clock import SystemClock
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.citadels import Citadel, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.false_vault import Reply, false_vault
from meltemi.testkit.signers import asked, sign, tended, vault_signer, works
from meltemi.testkit.vault import Vault, vault_server
from meltemi.testkit.vault_cluster import vault_cluster
from meltemi.testkit.waiting import POLL_SECONDS, eventually, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from meltemi.citadel.signer import Signer
    from meltemi.citadel.vault.login import AppRole
    from meltemi.identity.credential import Credential


pytestmark = pytest.mark.vault

KINDS = ["sign", "intermediate"]
APP_ROLE = "auth/approle/role/meltemi-citadel"


@pytest.fixture
def vault() -> Iterator[Vault]:
    with vault_server() as server:
        yield server


def settings(kind: str, vault: Vault, login: AppRole) -> Mapping[str, object]:
    return {
        "signer": f"vault-{kind}",
        "vault_addresses": (vault.url,),
        "vault_role_id_file": login.role_id_file,
        "vault_secret_id_file": login.secret_id_file,
        "identity_rate": "1000/s",
        "address_rate": "1000/s",
    }


def at(*urls: str) -> Connection:
    return Connection(urls)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_signer_issues_what_was_asked(
    vault: Vault, tmp_path: Path, kind: str
) -> None:
    key = new_key()
    login = vault.set_up(tmp_path)
    async with tended(vault_signer(kind, at(vault.url), login)) as signer:
        signed = await sign(signer, asked(key))
        assert certificate_public_der(signed.leaf) == public_der(key)
        assert len(signed.intermediates) == (kind == "intermediate")
        assert signer.trouble is None
        assert signer.expires


async def sign_several(signer: Signer) -> None:
    for _ in range(3):
        await sign(signer)


async def renew(office: Citadel) -> None:
    held = await office.join()
    held.check(REVIEWS, now=SystemClock().now())
    await office.ask(CertificateRequest(build_csr(new_key(), REVIEWS)), held=held)


@pytest.mark.parametrize("kind", KINDS)
async def test_workloads_join_and_renew_and_the_bundle_is_vaults(
    vault: Vault, tmp_path: Path, kind: str
) -> None:
    login = vault.set_up(tmp_path)
    chosen = settings(kind, vault, login)
    async with citadel(tmp_path, MemoryLedger(), signer=chosen) as office:
        await renew(office)
        root = data_of(vault.ask("get", "pki/cert/ca"))["certificate"]
        assert office.roots.decode().strip() == str(root).strip()
        assert not (office.settings.state_dir / "authority.json").exists()


async def test_a_sealed_vault_is_unavailable_in_time_and_comes_back_by_itself(
    vault: Vault, tmp_path: Path
) -> None:
    chosen = settings("sign", vault, vault.set_up(tmp_path))
    async with citadel(tmp_path, MemoryLedger(), signer=chosen) as office:
        held = await office.join()
        vault.seal()
        for _ in range(3):
            begun = SystemClock().monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await office.ask(
                    CertificateRequest(build_csr(new_key(), REVIEWS)), held=held
                )
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert SystemClock().monotonic() - begun <= 3
        assert (await office.http.get("/readyz")).status_code == 503
        vault.unseal()

        async def serves() -> bool:
            request = CertificateRequest(build_csr(new_key(), REVIEWS))
            with contextlib.suppress(grpc.aio.AioRpcError):
                await office.ask(request, held=held)
            return (await office.http.get("/readyz")).status_code == 200

        await eventually(serves, seconds=10)


def keeper(office: Citadel, folder: Path, token: str) -> Keeper:
    """Return an agent's keeper with a token, before its first certificate."""
    folder.mkdir()
    (folder / "token").write_text(token)
    at = office.settings
    return Keeper(
        CitadelClient(at.bootstrap_address, at.renewal_address, REVIEWS),
        Proofs(at.state_dir / "root-cert.pem", folder / "token"),
        Wallet(folder / "credential.sealed", folder / "credential.key"),
        SystemClock(),
        Random(1),  # noqa: S311 - a jitter
    )


async def unseen(_: Credential) -> None:
    """Show a credential to nobody."""


async def left(held: list[Credential | None], span: timedelta) -> None:
    """Wait until the first of ``held`` has only ``span`` left."""
    end = min(each.leaf.not_valid_after_utc for each in held if each)
    await until(lambda: end - SystemClock().now() <= span)


async def note_endings(kept: list[Keeper], ended: list[str]) -> None:
    """Write down whenever a workload has no certificate that holds, until cancelled."""
    while True:
        ended += [why for each in kept if (why := each.trouble())]
        await asyncio.sleep(POLL_SECONDS)


@pytest.mark.timeout(60)
async def test_vault_away_for_half_a_lifetime_costs_no_certificate(
    vault: Vault, tmp_path: Path
) -> None:
    """Renewal is due while it is away, and a tenth of life is left when it is back."""
    life = timedelta(seconds=20)
    chosen = settings("sign", vault, vault.set_up(tmp_path))
    async with citadel(
        tmp_path, MemoryLedger(), workload_ttl=life, signer=chosen
    ) as office:
        kept = [
            keeper(office, tmp_path / str(number), await office.token())
            for number in range(8)
        ]
        ended: list[str] = []
        async with asyncio.TaskGroup() as tasks:
            keeping = [tasks.create_task(each.keep(unseen)) for each in kept]
            for each in kept:
                await each.arrived.wait()
            first = [each.held for each in kept]
            watching = tasks.create_task(note_endings(kept, ended))
            await left(first, life * 0.6)
            vault.seal()
            await left(first, life * 0.1)
            assert [each.held for each in kept] == first, "nobody could renew"
            vault.unseal()
            await until(
                lambda: all(e.held != f for e, f in zip(kept, first, strict=True))
            )
            for task in (*keeping, watching):
                task.cancel()
        assert not ended


async def test_an_intermediate_signs_on_while_vault_is_sealed(
    vault: Vault, tmp_path: Path
) -> None:
    chosen = settings("intermediate", vault, vault.set_up(tmp_path))
    async with citadel(tmp_path, MemoryLedger(), signer=chosen) as office:
        vault.seal()
        await renew(office)
        assert (await office.http.get("/readyz")).status_code == 200


async def test_an_intermediate_is_renewed_before_it_ends(
    vault: Vault, tmp_path: Path
) -> None:
    login = vault.set_up(tmp_path)
    short = {"vault_intermediate_ttl": "10", **settings("intermediate", vault, login)}
    ttl = timedelta(seconds=3)  # X.509 drops up to one: half has to be left
    async with citadel(
        tmp_path, MemoryLedger(), workload_ttl=ttl, signer=short
    ) as office:
        first = (await office.join()).chain[1]
        vault.seal()
        for _ in range(20):
            await office.join()
        vault.unseal()

        async def follows() -> bool:
            return (await office.join()).chain[1] != first

        await eventually(follows, seconds=20)


async def test_case_27_a_token_that_ends_under_load_costs_no_certificate(
    vault: Vault, tmp_path: Path
) -> None:
    login = vault.set_up(tmp_path)
    assert vault.ask("post", APP_ROLE, {"token_ttl": 2, "token_max_ttl": 2}).ok
    async with tended(vault_signer("sign", at(vault.url), login)) as signer:
        until = SystemClock().monotonic() + 5
        while SystemClock().monotonic() < until:
            await sign(signer)


async def test_a_lease_that_is_lost_is_replaced_at_once(
    vault: Vault, tmp_path: Path
) -> None:
    login = vault.set_up(tmp_path)
    async with tended(vault_signer("sign", at(vault.url), login)) as signer:
        await sign(signer)
        assert vault.ask("put", "sys/leases/revoke-prefix/auth/approle/login").ok
        await sign(signer)


async def test_case_23_a_quota_is_unavailable_until_it_is_lifted(
    vault: Vault, tmp_path: Path
) -> None:
    login = vault.set_up(tmp_path)
    quota = "sys/quotas/rate-limit/none"
    async with tended(vault_signer("sign", at(vault.url), login)) as signer:
        await sign(signer)
        limit: Fields = {"rate": 1, "interval": "60s", "path": "pki"}
        assert vault.ask("post", quota, limit).ok
        with pytest.raises(SignerUnavailableError, match="429"):
            await sign_several(signer)
        assert vault.ask("delete", quota).ok
        await works(signer)


async def test_t16_a_redirect_is_not_followed_and_a_standby_is_passed_over(
    vault: Vault, tmp_path: Path
) -> None:
    login = vault.set_up(tmp_path)
    async with false_vault() as elsewhere:
        away = Reply(307, location=f"{elsewhere.url}/v1/pki/issuer/default/json")
        async with false_vault(lambda _: away) as standby:
            urls = at(standby.url, vault.url)
            async with tended(vault_signer("sign", urls, login)) as signer:
                await sign(signer)
            assert standby.seen
        assert elsewhere.seen == []


async def test_a_standby_signs_through_its_leader_and_outlives_it(
    tmp_path: Path,
) -> None:
    with vault_cluster() as cluster:
        login = cluster.leader.set_up(tmp_path)
        standby = cluster.standbys[0]
        urls = at(standby.url, *(each.url for each in cluster.members))
        async with tended(vault_signer("sign", urls, login)) as signer:
            await sign(signer)
            cluster.kill(cluster.leader)
            begun = SystemClock().monotonic()
            with contextlib.suppress(SignerUnavailableError):
                await sign(signer)
            assert SystemClock().monotonic() - begun <= 5.5
            await works(signer)


async def test_a_standby_whose_leader_died_answers_with_a_redirect(
    tmp_path: Path,
) -> None:
    with vault_cluster() as cluster:
        login = cluster.leader.set_up(tmp_path)
        standby, other = cluster.standbys
        async with tended(vault_signer("sign", at(standby.url), login)) as signer:
            await sign(signer)
            cluster.kill(cluster.leader)
            cluster.kill(other)  # no majority: nobody will lead
            with pytest.raises(SignerUnavailableError, match="name the active server"):
                await sign(signer)


async def test_t16_citadels_token_does_nothing_but_what_it_is_for(
    vault: Vault, tmp_path: Path
) -> None:
    login = vault.set_up(tmp_path)
    answer = vault.ask("post", "auth/approle/login", login.call().fields)
    assert isinstance(answer.document, dict)
    token = str(answer.document["auth"]["client_token"])
    csr = asked().csr
    mine: Fields = {
        "csr": csr,
        "uri_sans": str(REVIEWS),
        "ttl": "60s",
        "common_name": "",
    }
    path = "pki/issuer/default/sign/mesh"
    assert vault.ask("post", path, {**mine}, token).ok
    cases: tuple[tuple[str, Fields], ...] = (
        ("pki/sign-verbatim", {"csr": csr}),
        ("pki/sign-verbatim/mesh", {"csr": csr}),
        ("pki/issue/mesh", {"uri_sans": str(REVIEWS)}),
        ("pki/root/rotate/internal", {"common_name": "x"}),
        (path, {**mine, "not_after": "2099-01-01T00:00:00Z"}),
        (path, {**mine, "alt_names": "admin"}),
        (path, {**mine, "uri_sans": "spiffe://elsewhere/ns/a/sa/b"}),
        ("pki/roles/mesh", {"allow_any_name": True}),
    )
    for forbidden, fields in cases:
        found = vault.ask("post", forbidden, fields, token)
        assert found.status == 403, forbidden


@pytest.mark.parametrize(
    "each", [20, pytest.param(500, marks=pytest.mark.full)], ids=["20", "500"]
)
async def test_of_many_that_ask_at_once_each_gets_its_own_key_certified(
    vault: Vault, tmp_path: Path, each: int
) -> None:
    login = vault.set_up(tmp_path)
    async with tended(vault_signer("sign", at(vault.url), login)) as signer:

        async def worker() -> None:
            for _ in range(each):
                key = new_key()
                signed = await signer.sign(asked(key))
                assert certificate_public_der(signed.leaf) == public_der(key)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(16):
                tasks.create_task(worker())
