"""Adversarial case 31: the ledger is away, full, or has forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import CertificateRequest
from meltemi.store.etcd import EtcdLedger
from meltemi.store.ports import LedgerFullError, Write
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.citadels import citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.galley_process import BEARER, Grounds, started
from meltemi.testkit.processes import etcd_server, nats_server

if TYPE_CHECKING:
    from pathlib import Path

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
QUOTA = 16 * 1024 * 1024


def rule(host: str) -> dict[str, object]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "a"},
        "spec": {"host": host},
    }


async def test_case_31_certificates_are_renewed_without_the_ledger(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger) as office:
        held = await office.join()
        ledger.available = False
        request = CertificateRequest(build_csr(new_key(), REVIEWS))
        answer = await office.ask(request, held=held)
        assert answer.chain
        ledger.recover()


async def fill(ledger: EtcdLedger) -> None:
    """Write until the quota is used up."""
    for number in range(64):
        try:
            await ledger.commit([Write(f"/x/{number}", bytes(1 << 20))])
        except LedgerFullError:
            return
    raise AssertionError("it was never full")


@pytest.mark.timeout(60)
async def test_case_31_and_t15_a_full_ledger_is_read_on_and_takes_no_write(
    tmp_path: Path,
) -> None:
    """NOSPACE: 507 with the reason, and nobody ends."""
    with etcd_server(f"--quota-backend-bytes={QUOTA}") as etcd, nats_server() as nats:
        ground = Grounds(etcd, nats.url, tmp_path)
        with started(ground.galley()) as galley:
            url = f"{galley.url}{RULES}"
            async with (
                httpx2.AsyncClient(headers=BEARER, trust_env=False) as http,
                EtcdLedger([etcd.address]) as ledger,
            ):
                assert (await http.post(url, json=rule("a"))).status_code == 201
                await fill(ledger)
                refused = await http.put(f"{url}/a", json=rule("b"))
                assert refused.status_code == 507
                assert refused.json()["code"] == "ledger.full"
                read = await http.get(f"{url}/a")
                assert read.json()["spec"]["host"] == "a"
                assert galley.program.process is not None
                assert galley.program.process.poll() is None
