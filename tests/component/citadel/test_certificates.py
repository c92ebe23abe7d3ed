from __future__ import annotations

import asyncio
import ssl
import stat
from typing import TYPE_CHECKING

import grpc
import jwt
import pytest

from meltemi.identity.certificate import parse_chain, spiffe_id
from meltemi.identity.credential import Credential
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import (
    CertificateRequest,
)
from meltemi.kernel.clock import SystemClock
from meltemi.testkit.authority import RATINGS, REVIEWS
from meltemi.testkit.citadels import ADMIN, Citadel, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_token_buys_one_certificate_and_that_buys_the_next(
    tmp_path: Path,
) -> None:
    now = SystemClock().now()
    async with citadel(tmp_path, MemoryLedger()) as office:
        first = await office.join()
        first.check(REVIEWS, now=now)

        key = new_key()
        request = CertificateRequest(build_csr(key, REVIEWS), 3600)
        answer = await office.ask(request, held=first)
        second = Credential.from_answer(key, answer.chain)
        second.check(REVIEWS, now=now)
        assert second.leaf.serial_number != first.leaf.serial_number


async def test_a_token_used_by_many_at_once_on_two_replicas_serves_one(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    request = CertificateRequest(build_csr(new_key(), REVIEWS))
    async with (
        citadel(tmp_path, ledger) as one,
        citadel(tmp_path, ledger) as two,
    ):
        token = await one.token()
        outcomes: list[grpc.StatusCode] = []

        async def attempt(office: Citadel) -> None:
            try:
                await office.ask(request, token=token)
                outcomes.append(grpc.StatusCode.OK)
            except grpc.aio.AioRpcError as error:
                outcomes.append(error.code())

        async with asyncio.TaskGroup() as tasks:
            for office in (one, two) * 10:
                tasks.create_task(attempt(office))
    assert outcomes.count(grpc.StatusCode.OK) == 1
    refused = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert set(outcomes) == refused | {grpc.StatusCode.OK} or set(outcomes) == {
        grpc.StatusCode.OK,
        grpc.StatusCode.UNAUTHENTICATED,
    }


@pytest.mark.parametrize("token", ["", "guess", "a" * 43])
async def test_a_stranger_learns_nothing(tmp_path: Path, token: str) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        request = CertificateRequest(build_csr(new_key(), REVIEWS))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await office.ask(request, token=token)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert refused.value.details() == "request authenticate failure"


async def test_a_wrong_request_is_explained_and_does_not_cost_the_token(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        token = await office.token()
        key = new_key()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await office.ask(CertificateRequest(build_csr(key, RATINGS)), token=token)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert str(REVIEWS) in (refused.value.details() or "")
        assert await office.ask(
            CertificateRequest(build_csr(key, REVIEWS)), token=token
        )


async def test_a_token_for_many_certificates_serves_until_it_is_revoked(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        token = await office.token(once=False, cidr="127.0.0.0/8")
        for _ in range(2):
            request = CertificateRequest(build_csr(new_key(), REVIEWS))
            assert await office.ask(request, token=token)
        listed = (await office.http.get("/v1/ca/tokens", headers=ADMIN)).json()["items"]
        assert [each["spent"] for each in listed] == [""]
        place = f"/v1/ca/tokens/{listed[0]['id']}"
        assert (await office.http.delete(place)).status_code == 401
        assert (await office.http.delete(place, headers=ADMIN)).status_code == 200
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await office.ask(request, token=token)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        gone = await office.http.delete(f"/v1/ca/tokens/{'0' * 32}", headers=ADMIN)
        assert (gone.status_code, gone.json()["code"]) == (404, "citadel.no-such-token")


async def test_a_token_bound_elsewhere_buys_nothing(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        csr = build_csr(new_key(), REVIEWS)
        far = await office.token(cidr="203.0.113.0/24")
        node = await office.token(node="n1")
        for token, request in (
            (far, CertificateRequest(csr)),
            (node, CertificateRequest(csr)),
            (node, CertificateRequest(csr, node="n2")),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await office.ask(request, token=token)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await office.ask(CertificateRequest(csr, node="n1"), token=node)


async def test_whoever_asks_in_anothers_name_is_nobody(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        held = await office.join()
        csr = build_csr(new_key(), RATINGS)
        request = CertificateRequest(csr, impersonated=str(RATINGS))
        for shown, token in ((held, None), (None, await office.token())):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await office.ask(request, held=shown, token=token)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_the_keys_that_verify_tokens_are_open_to_everybody(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        keys = (await office.http.get("/v1/ca/jwks")).json()["keys"]
        token = await office.token()
    assert set(keys[0]) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    claims = jwt.decode(token, jwt.PyJWK(keys[0]), ["ES256"], audience="istio-ca")
    assert claims["iss"] == "https://citadel/cluster.local"


async def test_renewal_without_a_client_certificate_ends_in_the_handshake(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        request = CertificateRequest(build_csr(new_key(), REVIEWS))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await office.ask(request)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_renews_nobody_elses_name(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        held = await office.join()
        request = CertificateRequest(build_csr(new_key(), RATINGS))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await office.ask(request, held=held)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_restart_keeps_the_root_and_the_key_stays_private(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        before = office.roots
        key = office.settings.state_dir / "authority.json"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        bundle = office.settings.state_dir / "root-cert.pem"
        assert stat.S_IMODE(bundle.stat().st_mode) == 0o644
    async with citadel(tmp_path, MemoryLedger()) as office:
        assert office.roots == before


async def test_tokens_are_made_by_administrators_only(tmp_path: Path) -> None:
    body = {"namespace": "default", "service_account": "x"}
    async with citadel(tmp_path, MemoryLedger()) as office:
        for headers in ({}, {"authorization": "Bearer guess"}):
            answer = await office.http.post("/v1/ca/tokens", json=body, headers=headers)
            assert answer.status_code == 401
            assert answer.json()["code"] == "admin.denied"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "citadel.invalid-token-request"),
        (b"{}", 400, "citadel.invalid-token-request"),
        (b" " * 5000, 400, "citadel.invalid-body"),
        (b'{"namespace":"a","service_account":"x/ns/b"}', 422, "identity.invalid"),
        (
            b'{"namespace":"istio-system","service_account":"citadel"}',
            403,
            "citadel.forbidden-identity",
        ),
    ],
)
async def test_a_wrong_wish_is_answered_with_what_is_wrong(
    tmp_path: Path, body: bytes, status: int, code: str
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        answer = await office.http.post("/v1/ca/tokens", content=body, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_bundle_is_open_to_everybody(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        answer = await office.http.get("/v1/ca/bundle")
        assert parse_chain(answer.text) == parse_chain(office.roots)


async def test_citadel_serves_with_the_authoritys_own_name(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        address = office.settings.bootstrap_address
        where = (address.host, address.port)
        pem = await asyncio.to_thread(ssl.get_server_certificate, where)
    assert str(spiffe_id(parse_chain(pem)[0])) == (
        "spiffe://cluster.local/ns/istio-system/sa/citadel"
    )
