"""A Vault that fails in every way: cases 23 to 26 of the adversarial list, and T16."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.issue import SignerExpiredError, Template, create_root
from meltemi.citadel.signed import BadIssueError
from meltemi.citadel.signer import SignerBusyError, SignerUnavailableError
from meltemi.citadel.vault.answers import BadAnswerError
from meltemi.citadel.vault.call import Connection
from meltemi.citadel.vault.client import (
    DEADLINE_SECONDS,
    QUEUE,
    THREADS,
    VaultRefusedError,
)
from meltemi.citadel.vault.login import AppRole
from meltemi.identity.keys import new_key
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.testkit.authority import RATINGS, credential, write_credential
from meltemi.testkit.false_vault import (
    START,
    TOKEN,
    Asked,
    FalseVault,
    Reply,
    false_vault,
)
from meltemi.testkit.signers import (
    asked,
    sign,
    tended,
    vault_signer,
    warnings,
    works,
)
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from meltemi.citadel.signed import Signed

CLOCK = SystemClock()


@pytest.fixture
def login(tmp_path: Path) -> AppRole:
    role, secret = tmp_path / "role", tmp_path / "secret"
    role.write_text("role-id")
    secret.write_text("SECRET-ID")
    return AppRole(role, secret)


def only_when_signing(
    fault: Callable[[Asked], Reply | None],
) -> Callable[[Asked], Reply | None]:
    return lambda ask: fault(ask) if "/sign/" in ask.path else None


def always(reply: Reply) -> Callable[[Asked], Reply | None]:
    return lambda _: reply


UNAVAILABLE: dict[str, Reply] = {
    "sealed": Reply.document(503, errors=["Vault is sealed"]),
    "a standby": Reply(307, location="http://127.0.0.1:9/v1/x"),
    "over its quota": Reply.document(429, errors=["quota"]),
    "behind its peers": Reply.document(412, errors=["index"]),
    "behind a gateway": Reply(502, b"<html>", kind="text/html"),
    "broken": Reply.document(500, errors=["internal"]),
    "cut mid-body": replace(Reply.document(200, data={"certificate": "x"}), cut=True),
    "a web page": Reply(200, b"<html>hello</html>", kind="text/html"),
    "an empty answer": Reply(200, b""),
}


@pytest.mark.parametrize("reply", UNAVAILABLE.values(), ids=UNAVAILABLE)
async def test_case_23_a_vault_that_cannot_answer_is_unavailable(
    login: AppRole, reply: Reply
) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            vault.fault = only_when_signing(lambda _: reply)
            with pytest.raises(SignerUnavailableError) as refused:
                await sign(signer)
            assert refused.value.blame is Blame.PEER
            vault.fault = lambda _: None
            await works(signer)


async def test_case_23_a_revoked_token_is_replaced_once_and_nobody_notices(
    login: AppRole,
) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            denied = iter(range(16))

            def deny(_: Asked) -> Reply | None:
                return None if next(denied, None) is None else Reply.document(403)

            vault.fault = only_when_signing(deny)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(16):
                    tasks.create_task(sign(signer))
            assert vault.count("/login") == 2


async def test_case_23_a_token_that_stays_denied_is_unavailable(login: AppRole) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            vault.fault = only_when_signing(lambda _: Reply.document(403))
            with pytest.raises(SignerUnavailableError, match="policies"):
                await sign(signer)
            assert vault.count("/sign/") == 2


@pytest.mark.parametrize("status", [400, 404])
async def test_case_23_what_vault_will_never_do_is_not_asked_again(
    login: AppRole, status: int
) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            vault.fault = only_when_signing(lambda _: Reply.document(status))
            with pytest.raises(VaultRefusedError, match="setup"):
                await sign(signer)
            assert vault.count("/sign/") == 1


@pytest.mark.parametrize("status", [400, 500])
async def test_a_secret_id_that_is_used_up_is_told_whatever_the_status(
    login: AppRole, status: int
) -> None:
    refusal = Reply.document(status, errors=["invalid secret id"])
    async with false_vault(lambda _: refusal) as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2), tended(signer):
                raise AssertionError("nobody was let in")
        assert f"log in: status {status}" in (signer.trouble or "")


OTHER = create_root(new_key(), trust_domain="cluster.local", now=START, serial=1)
BAD: dict[str, Callable[[FalseVault, Template], Reply]] = {
    "for another key": lambda vault, template: vault.signed(
        replace(template, key=new_key().public_key())
    ),
    "for another name": lambda vault, template: vault.signed(
        replace(template, identity=RATINGS)
    ),
    "for a name more": lambda vault, template: vault.signed(
        replace(template, local_server=True)
    ),
    "for longer": lambda vault, template: vault.signed(
        replace(template, lifetime=timedelta(days=90))
    ),
    "of an unknown root": lambda _, template: FalseVault(signer=OTHER).signed(template),
    "of an authority": lambda vault, _: Reply.document(
        200, data={"certificate": vault.signer.bundle_pem}
    ),
}


@pytest.mark.parametrize("bad", BAD)
async def test_case_23_a_certificate_that_was_not_asked_for_never_leaves(
    login: AppRole, bad: str
) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            vault.fault = only_when_signing(lambda ask: BAD[bad](vault, ask.template))
            with pytest.raises(BadIssueError) as refused:
                await sign(signer)
            assert refused.value.blame is Blame.OURS


@pytest.mark.parametrize(
    "data", [{}, {"certificate": ""}, {"certificate": "PEM"}, {"certificate": 1}]
)
async def test_case_23_an_answer_without_a_certificate_is_vaults_fault(
    login: AppRole, data: dict[str, object]
) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            vault.fault = only_when_signing(lambda _: Reply.document(200, data=data))
            with pytest.raises(BadAnswerError):
                await sign(signer)


async def test_case_23_a_vault_with_a_strange_certificate_gets_no_token(
    login: AppRole, tmp_path: Path
) -> None:
    here = SpiffeId("cluster.local", Namespace("vault"), "vault")
    own = credential(here, now=CLOCK.now(), local_server=True)
    files = write_credential(tmp_path, "vault", own)
    good, strange = tmp_path / "good.pem", tmp_path / "strange.pem"
    good.write_text(own.roots_pem)
    strange.write_text(OTHER.bundle_pem)
    async with false_vault(tls=files) as vault:
        known = vault_signer("sign", Connection((vault.url,), str(good)), login)
        async with tended(known):
            await sign(known)
        before = len(vault.seen)
        wary = vault_signer("sign", Connection((vault.url,), str(strange)), login)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2), tended(wary):
                raise AssertionError("it was believed")
        assert len(vault.seen) == before
        assert "SSLError" in (wary.trouble or "")


async def test_roots_that_are_not_there_are_told_and_end_nothing(
    login: AppRole,
) -> None:
    where = Connection(("https://127.0.0.1:9",), "/nowhere/ca.pem")
    signer = vault_signer("sign", where, login)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), tended(signer):
            raise AssertionError("it was reached")
    assert "/nowhere/ca.pem" in (signer.trouble or "")


async def test_case_24_a_silent_vault_costs_five_seconds_and_no_other_work(
    login: AppRole,
) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            vault.fault = only_when_signing(lambda _: Reply(200, silent=True))
            lags = list[float]()

            async def watch() -> None:
                while True:
                    begun = CLOCK.monotonic()
                    await asyncio.sleep(0.01)
                    lags.append(CLOCK.monotonic() - begun - 0.01)

            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(watch())
                begun = CLOCK.monotonic()
                results = [tasks.create_task(outcome(sign(signer))) for _ in range(6)]
                await asyncio.wait(results)
                assert CLOCK.monotonic() - begun < DEADLINE_SECONDS + 0.5
                assert {each.result() for each in results} == {SignerUnavailableError}
                begun = CLOCK.monotonic()
                assert await outcome(sign(signer)) is SignerUnavailableError
                assert CLOCK.monotonic() - begun < 1, "the breaker is open"
                watching.cancel()
            assert sorted(lags)[int(len(lags) * 0.99)] < 0.05


async def outcome(work: Awaitable[Signed]) -> type[Exception] | None:
    try:
        await work
    except MeshError as error:
        return type(error)
    return None


async def test_a_full_queue_is_told_at_once(login: AppRole) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            vault.fault = only_when_signing(lambda _: Reply(200, silent=True))
            async with asyncio.TaskGroup() as tasks:
                results = [
                    tasks.create_task(outcome(sign(signer)))
                    for _ in range(THREADS + QUEUE)
                ]
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                with pytest.raises(SignerBusyError, match=str(THREADS + QUEUE)):
                    await sign(signer)
                for each in results:
                    each.cancel()


async def test_case_25_a_life_that_vault_has_cut_is_handed_on_and_counted(
    login: AppRole,
) -> None:
    counter = warnings()
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login, counter=counter)
        async with tended(signer):
            vault.fault = only_when_signing(
                lambda ask: vault.signed(
                    replace(ask.template, lifetime=timedelta(minutes=30)),
                    warnings=["TTL is longer than the role allows"],
                )
            )
            signed = await sign(signer, asked(lifetime=timedelta(hours=24)))
            left = signed.leaf.not_valid_after_utc - CLOCK.now()
            assert left < timedelta(minutes=31)
    assert counter._value.get() == 1


async def test_case_26_an_issuer_at_its_end_is_refused_and_told(login: AppRole) -> None:
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            vault.fault = only_when_signing(
                lambda ask: vault.signed(
                    replace(ask.template, lifetime=timedelta(minutes=9))
                )
            )
            with pytest.raises(SignerExpiredError, match="rotate"):
                await sign(signer, asked(lifetime=timedelta(hours=24)))


async def test_a_bundle_that_changes_altogether_is_not_believed(
    login: AppRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meltemi.citadel.signers.vault_sign.BUNDLE_SECONDS", 0.05)
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            before = signer.roots
            vault.signer = OTHER
            await until(lambda: "foreign-root" in (signer.trouble or ""))
            assert signer.roots == before


async def test_t16_nothing_of_a_token_or_an_answer_is_told(
    login: AppRole, capfd: pytest.CaptureFixture[str]
) -> None:
    told = list[str]()
    async with false_vault() as vault:
        signer = vault_signer("sign", Connection((vault.url,)), login)
        async with tended(signer):
            for status in (400, 403, 404, 412, 429, 500, 502, 503):
                body = json.dumps({"errors": [f"LEAK {TOKEN}"]}).encode()
                vault.fault = only_when_signing(always(Reply(status, body)))
                try:
                    await sign(signer)
                except MeshError as error:
                    told += [str(error), repr(error.__cause__), signer.trouble or ""]
                vault.fault = lambda _: None
                await works(signer)
    text = "".join(told) + "".join(capfd.readouterr())
    for secret in (TOKEN, "LEAK", "SECRET-ID", vault.url):
        assert secret not in text
    assert all(each.token in ("", TOKEN) for each in vault.seen)
