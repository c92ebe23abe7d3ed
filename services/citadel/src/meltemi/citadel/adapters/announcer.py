"""``mesh.cert.v1.…`` on the bus: what becomes of certificates, for whoever listens.

An event says what happened; the truth is in the ledger. Never a key, never a token.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from meltemi.events.message import Message

if TYPE_CHECKING:
    from datetime import datetime

    from meltemi.bus.ports import Publisher
    from meltemi.kernel.identity import SpiffeId

FLUSH_SECONDS = 0.1
MOST_WAITING = 10_000
"""Events that wait; the oldest are dropped, as the bus itself would."""


@dataclass(frozen=True, slots=True)
class CertificateEvent:
    """Something that happened to a workload's certificate.

    Attributes:
        what: ``issued``, ``renewed``, ``revoked`` or ``failed``.
        number: What makes it another event than the last: a serial or a code.

    """

    what: str
    identity: SpiffeId
    time: datetime
    number: str
    not_after: datetime | None = None

    def message(self, mesh: str) -> Message:
        """Return it as it travels.

        Source:
            CloudEvents 1.0, binary mode for NATS (``ce-`` headers).

        """
        name = self.identity
        where = f"{name.namespace}.{name.service_account}"
        told = f"{self.what}/{name.namespace}/{name.service_account}/{self.number}"
        stamp = f"{self.time:%FT%TZ}"
        headers = {
            "Nats-Msg-Id": f"{told}/{stamp}",
            "ce-specversion": "1.0",
            "ce-id": f"{told}/{stamp}",
            "ce-source": f"//{mesh}/citadel",
            "ce-type": f"io.meltemi.cert.{self.what}.v1",
            "ce-subject": str(name),
            "ce-time": stamp,
            "ce-datacontenttype": "application/json",
        }
        key = "code" if self.what == "failed" else "serial"
        body = {"identity": str(name), key: self.number}
        if self.not_after is not None:
            body["notAfter"] = f"{self.not_after:%FT%TZ}"
        subject = f"mesh.cert.v1.{mesh}.{self.what}.{where}"
        return Message(subject, headers, msgspec.json.encode(body))


class Announcer:
    """Publishes events without anybody waiting for it."""

    def __init__(self, bus: Publisher | None, mesh: str) -> None:
        self._bus, self._mesh = bus, mesh
        self._waiting: deque[CertificateEvent] = deque(maxlen=MOST_WAITING)

    def tell(self, event: CertificateEvent) -> None:
        """Take an event; without a bus it is forgotten."""
        if self._bus is not None:
            self._waiting.append(event)

    async def tend(self) -> None:
        """Publish what waits, until cancelled."""
        while self._bus is not None:
            while self._waiting:
                await self._bus.publish(self._waiting.popleft().message(self._mesh))
            await asyncio.sleep(FLUSH_SECONDS)
