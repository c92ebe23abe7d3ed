"""What administrators and other programs learn of certificates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.adapters.certificate_book import CertificateBook
from meltemi.citadel.audit import check_chain
from meltemi.citadel.key_index import KeyIndex, KeyReusedError
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import CertificateRequest
from meltemi.kernel.clock import SystemClock
from meltemi.testkit.authority import RATINGS, REVIEWS
from meltemi.testkit.citadels import citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


async def test_every_replica_lists_the_certificates_that_are_out(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger) as one, citadel(tmp_path, ledger) as two:
        held = await one.join()
        serial = f"{held.leaf.serial_number:x}"
        for office in (one, two):
            items: list[dict[str, str]] = []
            while not items:
                items = (await office.admin("GET", "certs")).json()["items"]
            assert [each["serial"] for each in items] == [serial]
            assert items[0]["identity"] == str(REVIEWS)
            assert items[0]["issuer"] == "O=cluster.local"
            assert items[0]["proof"] == "token"
            key = items[0]["issuer_key"]
            assert len(bytes.fromhex(key)) == 20, "RFC 5280: a SHA-1 of the key"
        other = await one.admin("GET", f"certs?identity={RATINGS}")
        assert other.json()["items"] == []
        there = await one.admin("GET", "certs?namespace=default")
        assert len(there.json()["items"]) == 1
        text = (await two.http.get("/metrics")).text
    labels = f'ending_within="inf",issuer="O=cluster.local",issuer_key="{key}"'
    counted = f"meltemi_citadel_certificates{{{labels}}} 1.0"
    assert counted in text


async def test_a_key_is_another_replicas_business_too(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger) as one, citadel(tmp_path, ledger) as two:
        key = new_key()
        mine = CertificateRequest(build_csr(key, REVIEWS))
        assert await one.ask(mine, token=await one.token())
        items: list[dict[str, str]] = []
        while not items:
            items = (await two.admin("GET", "certs")).json()["items"]
        theirs = CertificateRequest(build_csr(key, RATINGS))
        token = await two.token("bookinfo-ratings")
        refused = await two.refusal(theirs, token=token)
        assert "citadel.key-reused" in (refused.details() or "")


async def test_the_audit_has_every_decision_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    async with citadel(tmp_path, MemoryLedger(), audit_file=file) as office:
        token = await office.token()
        csr = build_csr(new_key(), REVIEWS)
        assert await office.ask(CertificateRequest(csr), token=token)
        await office.refusal(CertificateRequest(csr), token=token)
        await office.admin("POST", "revoke", identity=str(REVIEWS), reason="test")
    lines = file.read_bytes().splitlines()
    check_chain(lines)
    told = [json.loads(each) for each in lines]
    assert [each["what"] for each in told] == [
        "token.created",
        "certificate.issued",
        "certificate.refused",
        "revoked",
    ]
    assert told[1]["peer"] == "127.0.0.1"
    assert told[2]["code"] == "citadel.unauthenticated"
    whole = file.read_text()
    assert token not in whole
    assert token.rpartition(".")[2] not in whole
    assert "BEGIN" not in whole


async def test_the_bundle_is_there_for_other_trust_domains(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        place = "/.well-known/spiffe/bundle"
        answer = await office.http.get(f"{place}/cluster.local")
        assert {each["use"] for each in answer.json()["keys"]} == {
            "x509-svid",
            "jwt-svid",
        }
        assert (await office.http.get(f"{place}/elsewhere")).status_code == 404


async def test_the_issuers_that_are_believed_are_listed(tmp_path: Path) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        assert (await office.http.get("/v1/ca/issuers")).status_code == 401
        (own,) = (await office.admin("GET", "issuers")).json()["items"]
    assert own["issuer"] == "https://citadel/cluster.local"


async def test_without_the_ledger_records_wait_and_then_arrive(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger) as office:
        held = await office.join()
        ledger.available = False
        request = CertificateRequest(build_csr(new_key(), REVIEWS))
        assert await office.ask(request, held=held)
        ledger.recover()
        prefix = "/mesh/citadel/v1/default/certs/"

        async def stored() -> int:
            return len((await ledger.list(prefix)).entries)

        while await stored() < 2:
            await office.http.get("/livez")


async def test_what_has_ended_is_forgotten_once_its_key_is_free(
    tmp_path: Path,
) -> None:
    ledger, clock, keys = MemoryLedger(), SystemClock(), KeyIndex()
    async with citadel(tmp_path, ledger) as office:
        await office.join()
        prefix = "/mesh/citadel/v1/default/certs/"
        while not (await ledger.list(prefix)).entries:
            await office.http.get("/livez")
    book = CertificateBook(ledger, "default", keys, clock)
    (entry,) = (await ledger.list(prefix)).entries
    serial = entry.key.removeprefix(prefix)
    book.replace({serial: entry.value, "unreadable": b"{"})
    record = book.find(serial)
    assert record is not None
    with pytest.raises(KeyReusedError):
        keys.check(record.key_sha256, RATINGS, clock.now())
    await book.sweep(record.not_after)
    assert (await ledger.list(prefix)).entries
    await book.sweep(record.keep_until)
    assert not (await ledger.list(prefix)).entries
    book.change(serial, None)
    await until(lambda: not book.all())
