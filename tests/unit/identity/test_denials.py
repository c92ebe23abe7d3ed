from __future__ import annotations

import asyncio

from meltemi.identity.denials import Denials, identity_key, serial_key
from meltemi.testkit.authority import RATINGS, REVIEWS


def test_a_workload_or_one_certificate_of_it_is_denied() -> None:
    denials = Denials()
    assert not denials.known
    denials.replace({identity_key(REVIEWS): b"", serial_key(255): b""})
    assert denials.known
    assert denials.reason(REVIEWS) == f"{REVIEWS} is denied"
    assert denials.reason(RATINGS, 255) == f"the certificate ff of {RATINGS} is revoked"
    assert denials.reason(RATINGS, 254) is None
    denials.change(identity_key(REVIEWS), None)
    assert denials.reason(REVIEWS) is None


async def test_who_waits_to_be_denied_is_told_at_once() -> None:
    denials = Denials()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(denials.until_denied(REVIEWS, 7))
        await asyncio.sleep(0)
        denials.change(serial_key(8), b"")
        await asyncio.sleep(0)
        assert not waiting.done()
        denials.change(serial_key(7), b"")
    assert "7" in waiting.result()
