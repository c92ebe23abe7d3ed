from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import pytest

from meltemi.citadel.adapters.token_book import TokenBook
from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.tokens import make_token
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import CertificateRequest
from meltemi.kernel.clock import SystemClock
from meltemi.store.ports import LedgerUnavailableError
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.citadels import ADMIN, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


async def test_expired_tokens_are_swept_and_living_ones_stay() -> None:
    clock = SystemClock()
    book = TokenBook(MemoryLedger(), "default")
    old, new = (
        make_token(REVIEWS, lifetime=timedelta(hours=1), now=now, secret=secret)
        for now, secret in (
            (clock.now() - timedelta(hours=2), b"o" * 32),
            (clock.now(), b"n" * 32),
        )
    )
    await book.keep(old)
    await book.keep(new)
    assert book.trouble == "the ledger was not asked yet"
    async with asyncio.TaskGroup() as tasks:
        sweeping = tasks.create_task(book.sweep(clock))
        await until(lambda: book.trouble is None)
        sweeping.cancel()
    assert (await book.find(new.secret)).record == new.record
    with pytest.raises(UnauthenticatedError):
        await book.find(old.secret)


async def test_a_ledger_that_is_away_is_said_and_nothing_hangs() -> None:
    ledger = MemoryLedger()
    ledger.available = False
    book = TokenBook(ledger, "default")
    async with asyncio.TaskGroup() as tasks:
        sweeping = tasks.create_task(book.sweep(SystemClock()))
        await until(lambda: "not asked" not in (book.trouble or ""))
        sweeping.cancel()
    assert book.trouble
    with pytest.raises(LedgerUnavailableError):
        await book.find("x")


async def test_without_the_ledger_renewal_goes_on_and_joining_waits(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger) as office:
        held = await office.join()
        token = await office.token()
        ledger.available = False
        request = CertificateRequest(build_csr(new_key(), REVIEWS))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await office.ask(request, token=token)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        body = {"namespace": "default", "service_account": "x"}
        answer = await office.http.post("/v1/ca/tokens", json=body, headers=ADMIN)
        assert answer.status_code == 503
        assert await office.ask(request, held=held)
        ledger.available = True
        assert await office.ask(request, token=token)
