from __future__ import annotations

import pytest

from meltemi.store.arrival import arrival
from meltemi.store.ports import LedgerUnavailableError, Listing, Page
from meltemi.testkit.fakes.ledger import MemoryLedger


class Late(MemoryLedger):
    """Answers from the third question on."""

    asked = 0

    async def list(
        self, prefix: str, *, keys_only: bool = False, page: Page | None = None
    ) -> Listing:
        self.asked += 1
        if self.asked < 3:
            raise LedgerUnavailableError("etcd at 127.0.0.1:1: nobody listens")
        return await super().list(prefix, keys_only=keys_only, page=page)


async def test_a_ledger_that_comes_late_is_waited_for() -> None:
    ledger = Late()
    await arrival(ledger, seconds=10)
    assert ledger.asked == 3


async def test_a_ledger_that_does_not_come_ends_the_start_with_advice() -> None:
    with pytest.raises(LedgerUnavailableError) as error:
        await arrival(Late(), seconds=0)
    assert str(error.value) == (
        "etcd at 127.0.0.1:1: nobody listens; not started: start etcd, or correct "
        "the endpoints"
    )
