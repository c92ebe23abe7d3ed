"""Adversarial cases 14 to 19: who asks, over the wire."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from meltemi.citadel.issue import Authority, create_root
from meltemi.citadel.signers.held import HeldSigner
from meltemi.identity.certificate import spiffe_id
from meltemi.identity.credential import Credential
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import CREATE_CERTIFICATE, CertificateRequest
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace, Revision
from meltemi.store.ports import LedgerUnavailableError, Write
from meltemi.testkit.authority import RATINGS, REVIEWS
from meltemi.testkit.citadels import ask, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.odd_requests import uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from meltemi.testkit.citadels import Citadel

UNKNOWN = grpc.StatusCode.UNAUTHENTICATED
NOBODY = (UNKNOWN, grpc.StatusCode.UNAVAILABLE)
"""Turned away by Citadel, or in the handshake."""
FREELY: dict[str, Any] = {
    "identity_rate": "1000/s",
    "address_rate": "1000/s",
    "failure_rate": "100/s",
}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Citadel]:
    async with citadel(tmp_path, MemoryLedger(), **FREELY) as made:
        yield made


def request() -> CertificateRequest:
    return CertificateRequest(build_csr(new_key(), REVIEWS))


def held(
    authority: Authority,
    *names: str,
    begins: timedelta = timedelta(minutes=-1),
    ca: bool = False,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
) -> Credential:
    """Return a certificate that Citadel would not make, by its own key."""
    key, start = new_key(), SystemClock().now() + begins
    builder = x509.CertificateBuilder(
        authority.certificate.subject,
        x509.Name([]),
        key.public_key(),
        x509.random_serial_number(),
        start,
        start + timedelta(hours=1),
    ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if names:
        found = x509.SubjectAlternativeName([uri(each) for each in names])
        builder = builder.add_extension(found, critical=True)
    leaf = builder.sign(authority.key, hashes.SHA256())
    return Credential(key, (leaf,), (authority.certificate,))


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Have Citadel sign with a root whose key the test has, too."""
    clock = SystemClock()
    made = create_root(
        new_key(), trust_domain="cluster.local", now=clock.now(), serial=9
    )
    signer = HeldSigner(made, clock)
    monkeypatch.setattr("meltemi.citadel.assembly.chosen_signer", lambda *_: signer)
    return made


OWN = str(REVIEWS)


@pytest.mark.parametrize(
    "shown",
    [
        {"names": (OWN,), "begins": timedelta(days=-1)},
        {"names": (OWN,), "begins": timedelta(hours=1)},
        {"names": (OWN,), "usage": ExtendedKeyUsageOID.CODE_SIGNING},
        {"names": (OWN, str(RATINGS))},
        {"names": ()},
        {"names": ("spiffe://elsewhere/ns/default/sa/bookinfo-reviews",)},
        {"names": ("spiffe://cluster.local/admin",)},
    ],
    ids=[
        "expired",
        "to come",
        "usage",
        "two names",
        "none",
        "elsewhere",
        "no workload",
    ],
)
async def test_case_14_a_certificate_that_names_nobody_here_renews_nothing(
    root: Authority, tmp_path: Path, shown: dict[str, Any]
) -> None:
    wrong = held(
        root, *shown["names"], **{k: v for k, v in shown.items() if k != "names"}
    )
    async with citadel(tmp_path, MemoryLedger(), **FREELY) as office:
        assert await office.ask(request(), held=held(root, OWN))
        assert (await office.refusal(request(), held=wrong)).code() in NOBODY


@pytest.mark.parametrize("bad", [{"ca": True}], ids=["an authority"])
async def test_case_14_an_authoritys_certificate_is_no_workloads(
    root: Authority, tmp_path: Path, bad: dict[str, Any]
) -> None:
    async with citadel(tmp_path, MemoryLedger(), **FREELY) as office:
        refused = await office.refusal(request(), held=held(root, OWN, **bad))
    assert refused.code() in NOBODY


async def test_case_16_a_long_chain_ends_in_the_handshake_soon(
    root: Authority, tmp_path: Path
) -> None:
    signer, chain = root, []
    for number in range(30):
        made = held(signer, f"{OWN}{number}", ca=True)
        chain.append(made.leaf)
        signer = Authority(made.key, made.leaf)
    proof = held(signer, OWN)
    whole = Credential(proof.key, (proof.leaf, *reversed(chain)), proof.roots)
    async with citadel(tmp_path, MemoryLedger(), **FREELY) as office:
        begun = time.perf_counter()
        refused = await office.refusal(request(), held=whole)
        assert time.perf_counter() - begun < 2
    assert refused.code() in NOBODY


async def test_case_15_a_certificate_of_a_root_that_is_not_believed_renews_nothing(
    office: Citadel,
) -> None:
    stranger = create_root(
        new_key(), trust_domain="cluster.local", now=SystemClock().now(), serial=7
    )
    refused = await office.refusal(request(), held=held(stranger, OWN))
    assert refused.code() is grpc.StatusCode.UNAVAILABLE


async def test_case_17_a_header_that_names_somebody_proves_nothing(
    office: Citadel,
) -> None:
    header = f"By=x;URI={RATINGS},By=y;URI={RATINGS}"
    lie = (("x-forwarded-client-cert", header),)
    credentials = grpc.ssl_channel_credentials(office.roots)
    address = str(office.settings.bootstrap_address)
    csr = CertificateRequest(build_csr(new_key(), RATINGS))
    async with grpc.aio.secure_channel(address, credentials) as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            CREATE_CERTIFICATE
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await method(csr.encode(), metadata=lie, timeout=5)
    assert refused.value.code() is UNKNOWN


class LosesWord(MemoryLedger):
    """Does what it is asked once, and dies before it says so."""

    dying = False

    async def commit(self, writes: Sequence[Write]) -> Revision:
        done = await super().commit(writes)
        if self.dying and "/spent/" in writes[0].key:
            self.dying = False
            raise LedgerUnavailableError("the ledger is away")
        return done


async def test_case_18_a_death_behind_the_transaction_costs_the_token(
    tmp_path: Path,
) -> None:
    ledger = LosesWord()
    async with citadel(tmp_path, ledger, **FREELY) as office:
        token = await office.token()
        ledger.dying = True
        first = await office.refusal(request(), token=token)
        assert first.code() is grpc.StatusCode.UNAVAILABLE
        assert (await office.refusal(request(), token=token)).code() is UNKNOWN
        out = (await office.admin("GET", "certs")).json()["items"]
        assert out == [], "nothing left before it was burned"
        assert await office.ask(request(), token=await office.token())


async def test_case_19_one_identity_without_measure_is_held_back(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger(), address_rate="1000/s") as office:
        proof = await office.join()
        codes: list[grpc.StatusCode] = []

        async def attempt() -> None:
            try:
                await ask(channel, request())
                codes.append(grpc.StatusCode.OK)
            except grpc.aio.AioRpcError as error:
                codes.append(error.code())

        channel = office.channel(proof, joins=False)
        async with channel, asyncio.TaskGroup() as tasks:
            for _ in range(60):
                tasks.create_task(attempt())
    assert codes.count(grpc.StatusCode.OK) == 9, "ten at once, one of them to join"
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 51


async def test_case_19_a_herd_is_served_with_patience(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger(), address_rate="40/s:20") as office:
        names = [
            SpiffeId("cluster.local", Namespace("default"), f"w{number}")
            for number in range(60)
        ]
        tokens = [await office.token(each.service_account) for each in names]
        served: list[SpiffeId] = []
        codes: set[grpc.StatusCode] = set()

        async def join(name: SpiffeId, token: str) -> None:
            key = new_key()
            wish = CertificateRequest(build_csr(key, name))
            while True:
                try:
                    answer = await ask(channel, wish, token)
                except grpc.aio.AioRpcError as error:
                    codes.add(error.code())
                    told = dict(error.trailing_metadata() or ())
                    await asyncio.sleep(float(told["retry-after"]))
                else:
                    leaf = Credential.from_answer(key, answer.chain).leaf
                    served.append(spiffe_id(leaf))
                    return

        channel = office.channel(None, joins=True)
        async with channel, asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            for name, token in zip(names, tokens, strict=True):
                tasks.create_task(join(name, token))
    assert sorted(served) == sorted(names)
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_t26_a_clock_that_is_behind_the_root_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with citadel(tmp_path, MemoryLedger(), **FREELY) as office:
        proof = await office.join()
    async with citadel(tmp_path, MemoryLedger(), **FREELY) as office:
        monkeypatch.setattr(SystemClock, "now", _late(SystemClock.now))
        refused = await office.refusal(request(), held=proof)
    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    assert "clock is behind" in (refused.details() or "")


def _late(now: Any) -> Any:
    return lambda clock: now(clock) - timedelta(minutes=10)
