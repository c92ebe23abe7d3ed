from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from meltemi.citadel.adapters.announcer import Announcer, CertificateEvent
from meltemi.testkit.authority import NOON, REVIEWS
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from meltemi.events.message import Message


class Bus:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    async def publish(self, message: Message) -> bool:
        self.heard.append(message)
        return True


def test_an_event_says_who_and_which_and_never_what_is_secret() -> None:
    message = CertificateEvent("issued", REVIEWS, NOON, "ff", NOON).message("m")
    assert message.subject == "mesh.cert.v1.m.issued.default.bookinfo-reviews"
    assert json.loads(message.body) == {
        "identity": str(REVIEWS),
        "serial": "ff",
        "notAfter": "2030-01-01T12:00:00Z",
    }
    assert message.headers["ce-type"] == "io.meltemi.cert.issued.v1"
    assert message.headers["Nats-Msg-Id"] == message.headers["ce-id"]


def test_a_failure_says_its_code() -> None:
    message = CertificateEvent("failed", REVIEWS, NOON, "citadel.denied").message("m")
    assert json.loads(message.body)["code"] == "citadel.denied"


async def test_events_go_out_in_order_and_nobody_waits_for_them() -> None:
    bus = Bus()
    announcer = Announcer(bus, "m")
    for number in "abc":
        announcer.tell(CertificateEvent("issued", REVIEWS, NOON, number))
    assert not bus.heard
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(announcer.tend())
        await until(lambda: len(bus.heard) == 3)
        telling.cancel()
    assert [json.loads(each.body)["serial"] for each in bus.heard] == ["a", "b", "c"]
