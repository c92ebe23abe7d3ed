from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meltemi.kernel.names import Revision
from meltemi.store.following import follow
from meltemi.store.ports import Write
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping


class Picture(dict[str, bytes]):
    """A follower; counts how often it was drawn anew."""

    drawn = 0

    def replace(self, found: Mapping[str, bytes]) -> None:
        self.clear()
        self.update(found)
        self.drawn += 1

    def change(self, key: str, value: bytes | None) -> None:
        self.pop(key, None)
        if value is not None:
            self[key] = value


async def test_a_picture_is_drawn_and_kept_through_changes_and_absence() -> None:
    ledger, picture = MemoryLedger(), Picture()
    await ledger.commit([Write("/p/a", b"1"), Write("/q/a", b"1")])
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow(ledger, "/p/", picture))
        await until(lambda: picture == {"a": b"1"})
        await ledger.commit([Write("/p/b", b"2")])
        await until(lambda: picture == {"a": b"1", "b": b"2"})
        await ledger.commit([Write("/p/a", None)])
        await until(lambda: picture == {"b": b"2"})
        assert picture.drawn == 1
        ledger.replace("beef")
        await until(lambda: picture.drawn == 2)
        assert picture == {"b": b"2"}
        following.cancel()


async def test_a_ledger_that_is_away_is_asked_again() -> None:
    ledger, picture = MemoryLedger(), Picture()
    ledger.available = False
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow(ledger, "/p/", picture))
        await asyncio.sleep(0)
        ledger.recover()
        await ledger.commit([Write("/p/a", b"1", Revision(0))])
        await until(lambda: picture == {"a": b"1"})
        following.cancel()
