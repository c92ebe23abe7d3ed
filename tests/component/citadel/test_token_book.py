from __future__ import annotations

import asyncio
from datetime import timedelta
from secrets import token_bytes
from typing import TYPE_CHECKING

import grpc
import pytest

from meltemi.citadel.adapters.token_book import NoSuchTokenError, TokenBook
from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.token_key import TokenKey
from meltemi.citadel.tokens import Bounds, TokenRecord, make_token
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


KEY = TokenKey(new_key())


def record(
    clock: SystemClock, *, age: timedelta = timedelta(), once: bool = True
) -> TokenRecord:
    now = clock.now() - age
    bounds = Bounds(timedelta(hours=1), once=once)
    made = make_token(REVIEWS, bounds, KEY, now=now, number=token_bytes(16))
    return made.record


async def test_expired_tokens_are_swept_and_living_ones_stay() -> None:
    clock, ledger = SystemClock(), MemoryLedger()
    book = TokenBook(ledger, "default")
    old, new = record(clock, age=timedelta(hours=2)), record(clock)
    for each in (old, new):
        await book.keep(each)
        await book.burn(each)
    assert book.trouble == "the ledger was not asked yet"
    async with asyncio.TaskGroup() as tasks:
        sweeping = tasks.create_task(book.sweep(clock))
        await until(lambda: book.trouble is None)
        sweeping.cancel()
    assert [each.record for each in await book.all()] == [new]
    with pytest.raises(UnauthenticatedError):
        await book.check(new)
    assert len((await ledger.list("/mesh/citadel/")).entries) == 2


async def test_a_token_for_one_certificate_burns_once_and_one_for_many_does_not() -> (
    None
):
    clock, book = SystemClock(), TokenBook(MemoryLedger(), "default")
    once, many = record(clock), record(clock, once=False)
    await book.burn(once)
    for again in (book.burn, book.check):
        with pytest.raises(UnauthenticatedError, match=r"used|was used"):
            await again(once)
    await book.burn(many)
    await book.burn(many)


async def test_a_revoked_token_is_good_no_more_and_says_so_in_the_list() -> None:
    clock, book = SystemClock(), TokenBook(MemoryLedger(), "default")
    once, many, used = (
        record(clock),
        record(clock, once=False),
        record(clock),
    )
    for each in (once, many, used):
        await book.keep(each)
    await book.burn(used)
    for each in (once, many, many, used):
        assert await book.revoke(each.id) == each
    for each in (once, many):
        with pytest.raises(UnauthenticatedError):
            await book.burn(each)
    spent = {each.record.id: each.spent for each in await book.all()}
    assert spent == {once.id: "revoked", many.id: "revoked", used.id: "used"}
    for stranger in ("0" * 32, "../spent/x", ""):
        with pytest.raises(NoSuchTokenError):
            await book.revoke(stranger)


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
        await book.check(record(SystemClock()))


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
