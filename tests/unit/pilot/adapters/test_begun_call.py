from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from meltemi.pilot.adapters.call import BegunCall

if TYPE_CHECKING:
    from meltemi.pilot.adapters.call import Call


async def test_what_was_read_first_is_read_once_more_and_not_kept() -> None:
    async def read() -> bytes:
        return b"second"

    first = b"first of many"
    begun = BegunCall(cast("Call", SimpleNamespace(read=read)), first)
    assert await begun.read() is first
    assert first not in gc.get_referents(begun.__dict__)
    assert await begun.read() == b"second"
