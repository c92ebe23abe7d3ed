"""JWT-SVIDs of a running Citadel, bought with a certificate."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
import jwt
import pytest

from meltemi.citadel.audit import check_chain
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.svid_wire import (
    CREATE,
    KEYS,
    SERVICE,
    SvidAnswer,
    SvidKeys,
    SvidRequest,
)
from meltemi.identity.wire import CertificateRequest
from meltemi.testkit.authority import RATINGS, REVIEWS
from meltemi.testkit.citadels import ADMIN, Citadel, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.identity.credential import Credential


async def call(
    office: Citadel, held: Credential | None, name: str, raw: bytes
) -> bytes:
    async with office.channel(held, joins=False) as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            f"/{SERVICE}/{name}"
        )
        return await method(raw, timeout=5)


async def svid(office: Citadel, held: Credential | None, *audience: str) -> SvidAnswer:
    raw = await call(office, held, CREATE, SvidRequest(audience).encode())
    return SvidAnswer.decode(raw)


async def refused(
    office: Citadel, held: Credential | None, *audience: str
) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await svid(office, held, *audience)
    return error.value.code()


async def bundle(office: Citadel) -> dict[str, Any]:
    answer = await office.http.get("/.well-known/spiffe/bundle/cluster.local")
    found: dict[str, Any] = answer.json()
    return found


def jwt_keys(found: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    return {
        each["kid"]: jwt.PyJWK(each)
        for each in found["keys"]
        if each["use"] == "jwt-svid"
    }


def claims(text: str, keys: dict[str, jwt.PyJWK], audience: str) -> dict[str, Any]:
    key = keys[jwt.get_unverified_header(text)["kid"]]
    found: dict[str, Any] = jwt.decode(text, key, ["ES256"], audience=audience)
    return found


async def test_the_holder_of_a_certificate_gets_a_token_for_itself_alone(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        held = await office.join()
        answer = await svid(office, held, "payments")
        found = claims(answer.svid, jwt_keys(await bundle(office)), "payments")
        assert (found["sub"], found["aud"]) == (str(REVIEWS), ["payments"])
        assert found["exp"] - found["iat"] == 300
        keys = SvidKeys.decode(await call(office, held, KEYS, b""))
        assert [each["kid"] for each in keys.keys] == list(
            jwt_keys(await bundle(office))
        )
        assert keys.refresh_seconds == 300
        assert await refused(office, held) is grpc.StatusCode.INVALID_ARGUMENT
        wish = json.dumps({"audience": ["a"], "spiffe_id": str(RATINGS)}).encode()
        with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT"):
            await call(office, held, CREATE, wish)


async def test_without_a_certificate_there_is_none(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        assert await refused(office, None, "a") is grpc.StatusCode.UNAVAILABLE


async def test_a_denied_workload_gets_none_and_the_audit_says_so(
    tmp_path: Path,
) -> None:
    audit = tmp_path / "audit"
    async with citadel(tmp_path, MemoryLedger(), audit_file=audit) as office:
        held = await office.join()
        given = await svid(office, held, "a", "b")
        await office.admin("POST", "revoke", identity=str(REVIEWS))

        async def shut_out() -> bool:
            try:
                await svid(office, held, "a")
            except grpc.aio.AioRpcError as error:
                return error.code() is grpc.StatusCode.PERMISSION_DENIED
            return False

        await eventually(shut_out)
        text = (await office.http.get("/metrics")).text
    assert (
        'meltemi_citadel_jwt_svid_requests_total{result="citadel.denied"} 1.0' in text
    )
    raw = audit.read_bytes()
    assert check_chain(raw.splitlines())
    assert given.svid.encode() not in raw
    lines = [json.loads(each) for each in raw.splitlines()]
    one = next(each for each in lines if each["what"] == "jwt-svid.issued")
    assert (one["identity"], one["subject"]) == (str(REVIEWS), "a b")
    last = next(each for each in lines if each["what"] == "jwt-svid.refused")
    assert (last["identity"], last["code"]) == (str(REVIEWS), "citadel.denied")


async def test_who_asks_too_often_is_told_to_wait(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger(), jwt_svid_rate="1/min:1") as office:
        held = await office.join()
        await svid(office, held, "a")
        assert await refused(office, held, "a") is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_token_of_one_kind_is_none_of_the_other(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        held = await office.join()
        mine = await svid(office, held, "istio-ca", "https://citadel/cluster.local")
        request = CertificateRequest(build_csr(new_key(), REVIEWS))
        with pytest.raises(grpc.aio.AioRpcError, match="UNAUTHENTICATED"):
            await office.ask(request, token=mine.svid)
        text = await office.token()
        number = jwt.get_unverified_header(text)["kid"]
        assert number not in jwt_keys(await bundle(office))
        jwks = (await office.http.get("/v1/ca/jwks")).json()["keys"]
        assert [each["kid"] for each in jwks] == [number]


async def test_every_replica_publishes_what_any_of_them_signs_with(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger) as one, citadel(tmp_path, ledger) as two:
        held = await one.join()
        for signs, shows in ((one, two), (two, one)):
            answer = await svid(signs, held, "a")
            assert claims(answer.svid, jwt_keys(await bundle(shows)), "a")
        request = CertificateRequest(build_csr(new_key(), REVIEWS))
        assert await two.ask(request, token=await one.token())
        stored = await ledger.list("/mesh/citadel/v1/default/keys/")
    assert len(stored.entries) == 2
    assert not any(b"PRIVATE" in each.value for each in stored.entries)


async def test_the_key_rotates_and_what_is_out_stays_valid(tmp_path: Path) -> None:
    life = timedelta(seconds=4)
    async with citadel(tmp_path, MemoryLedger(), token_key_life=life) as office:
        held = await office.join()
        first = await svid(office, held, "a")
        (old,) = jwt_keys(before := await bundle(office))

        async def two_keys() -> bool:
            return len(jwt_keys(await bundle(office))) > 1

        await eventually(two_keys)
        both = await bundle(office)
        assert both["spiffe_sequence"] > before["spiffe_sequence"]
        assert claims(first.svid, jwt_keys(both), "a")

        async def signed_by_the_next() -> bool:
            answer = await svid(office, held, "a")
            kid = jwt.get_unverified_header(answer.svid)["kid"]
            assert kid == old or kid in jwt_keys(both), "it was out before it signed"
            return bool(kid != old)

        await eventually(signed_by_the_next, every=0.2)  # nobody may ask all the time
        assert claims(first.svid, jwt_keys(await bundle(office)), "a")


async def test_a_withdrawn_key_signs_and_verifies_nothing_more(
    tmp_path: Path,
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        listed = (await office.admin("GET", "keys")).json()["items"]
        assert {each["kind"] for each in listed} == {"jwt-svid", "workload-token"}
        token = await office.token()
        for each in listed:
            assert each["signs"]
            place = f"/v1/ca/keys/{each['kind']}/{each['id']}"
            assert (await office.http.delete(place)).status_code == 401
            assert (await office.http.delete(place, headers=ADMIN)).is_success
            again = await office.http.delete(place, headers=ADMIN)
            assert (again.status_code, again.json()["code"]) == (
                404,
                "citadel.no-such-key",
            )
        request = CertificateRequest(build_csr(new_key(), REVIEWS))
        with pytest.raises(grpc.aio.AioRpcError, match="UNAUTHENTICATED"):
            await office.ask(request, token=token)
        assert await office.ask(request, token=await office.token())
