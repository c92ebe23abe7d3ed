from __future__ import annotations

from meltemi.events.inbox import Inbox
from meltemi.events.message import Message


async def test_a_full_inbox_makes_room_by_dropping_the_oldest() -> None:
    inbox = Inbox(capacity=2)

    for number in range(4):
        inbox.put(Message(str(number)))

    assert [(await inbox.take()).subject for _ in range(2)] == ["2", "3"]
    assert inbox.dropped == 2
