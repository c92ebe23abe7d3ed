"""A mesh that was old.example and is new.example: one Citadel after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import grpc
import jwt
import pytest

from meltemi.citadel.adapters.state import StateError
from meltemi.identity.certificate import spiffe_id
from meltemi.identity.credential import Credential
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
from meltemi.store.ports import Write
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.citadels import Citadel, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.former_names import PLACE, called
from meltemi.testkit.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.kernel.identity import SpiffeId

OLD, NEW = (
    replace(REVIEWS, trust_domain=each) for each in ("old.example", "new.example")
)


async def bought(
    office: Citadel,
    name: SpiffeId,
    *,
    held: Credential | None = None,
    token: str | None = None,
) -> Credential:
    key = new_key()
    request = CertificateRequest(build_csr(key, name))
    answer = await office.ask(request, held=held, token=token)
    return Credential.from_answer(key, answer.chain)


async def test_a_certificate_of_an_alias_renews_into_the_new_trust_domain(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger, trust_domain="old.example") as office:
        held = await office.join()
        assert spiffe_id(held.leaf) == OLD
        with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT"):
            await bought(office, NEW, held=held)
        token = await office.token(once=False)
        roots = office.roots
    await ledger.commit([called("old.example")])
    async with citadel(tmp_path, ledger, trust_domain="new.example") as office:
        assert office.roots == roots, "the mesh keeps its root"
        moved = await bought(office, NEW, held=held)
        assert spiffe_id(moved.leaf) == NEW
        still = await bought(office, OLD, held=held)
        assert spiffe_id(still.leaf) == OLD, "an agent moves when it is told to"
        joined = await bought(office, NEW, token=token)
        assert spiffe_id(joined.leaf) == NEW, "tokens that are out stay good"
        other = replace(NEW, service_account="bookinfo-ratings")
        with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT"):
            await bought(office, other, held=held)
        for name in ("old.example", "new.example"):
            place = f"/.well-known/spiffe/bundle/{name}"
            assert (await office.http.get(place)).is_success
        listed = await office.admin("GET", "certs?namespace=default")
        found = {each["identity"] for each in listed.json()["items"]}
        assert found == {str(OLD), str(NEW)}


async def test_jwt_svids_name_the_caller_as_its_certificate_does(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger, trust_domain="old.example") as office:
        held = await office.join()
    await ledger.commit([called("old.example")])
    async with citadel(tmp_path, ledger, trust_domain="new.example") as office:
        moved = await bought(office, NEW, held=held)
        for shown, name in ((held, OLD), (moved, NEW)):
            async with office.channel(shown, joins=False) as channel:
                create: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = (
                    channel.unary_unary(f"/{SERVICE}/{CREATE}")
                )
                keys: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = (
                    channel.unary_unary(f"/{SERVICE}/{KEYS}")
                )
                raw = await create(SvidRequest(("a",)).encode(), timeout=5)
                known = SvidKeys.decode(await keys(b"", timeout=5))
            text = SvidAnswer.decode(raw).svid
            claims = jwt.decode(text, options={"verify_signature": False})
            assert claims["sub"] == str(name)
            assert known.trust_domains == ("new.example", "old.example")


async def test_whoever_is_denied_is_denied_under_every_name(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger, trust_domain="old.example") as office:
        held = await office.join()
    await ledger.commit([called("old.example")])
    async with citadel(tmp_path, ledger, trust_domain="new.example") as office:
        await office.admin("POST", "revoke", identity=str(NEW))

        async def shut_out() -> bool:
            request = CertificateRequest(build_csr(new_key(), OLD))
            refused = await office.refusal(request, held=held)
            return refused.code() is grpc.StatusCode.PERMISSION_DENIED

        await eventually(shut_out)


async def test_an_alias_that_is_taken_back_ends_its_certificates(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger, trust_domain="old.example") as office:
        held = await office.join()
    await ledger.commit([called("old.example")])
    async with citadel(tmp_path, ledger, trust_domain="new.example") as office:
        await ledger.commit([Write(PLACE, None)])

        async def nobody() -> bool:
            try:
                await bought(office, NEW, held=held)
            except grpc.aio.AioRpcError as error:
                return error.code() is grpc.StatusCode.UNAUTHENTICATED
            return False

        await eventually(nobody)


async def test_without_the_alias_a_citadel_of_another_name_does_not_start(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger, trust_domain="old.example"):
        pass
    with pytest.RaisesGroup(
        pytest.RaisesExc(StateError, match="trustDomainAliases"), flatten_subgroups=True
    ):
        async with citadel(tmp_path, ledger, trust_domain="new.example"):
            pass
