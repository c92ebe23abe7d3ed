"""The doorbell on core NATS: it rings when it can, and nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING, Self

import nats.errors
import structlog
from nats.aio.client import Client

from meltemi.events.inbox import Inbox
from meltemi.events.message import Message
from meltemi.kernel.backoff import Backoff

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator
    from types import TracebackType

    from nats.aio.msg import Msg

CONNECT_SECONDS = 2
PING_SECONDS = 5
"""A server that is frozen, not gone, is noticed after three pings."""

CANCEL_SECONDS = 0.2

MOST_PENDING = 1024 * 1024
"""Bytes that wait for a server that reads slowly or not at all. Half of what the
client holds before it would make its caller wait."""

RETRY = Backoff(first=0.1, ceiling=2.0)
AWAY = (OSError, nats.errors.Error, TimeoutError)

log = structlog.get_logger("meltemi.bus")


class NatsBus:
    """A `Publisher` and `Subscriber` while its context lasts.

    Connects in the background and again for ever; entering never fails and never
    waits. The client's own reconnecting is off: it buffers what is published
    meanwhile, and a doorbell that rings for old news is worth nothing.

    Args:
        url: ``nats://[USER:PASSWORD@]HOST:PORT``.
        name: What the server's monitoring calls us.
        tls: For servers that begin with it (``handshake_first``): one that is asked
            only after its greeting could be posed as, and would have the password.

    """

    def __init__(
        self, url: str, *, name: str = "meltemi", tls: ssl.SSLContext | None = None
    ) -> None:
        self._url, self._name, self._tls = url, name, tls
        self._client: Client | None = None
        self._inboxes: dict[Inbox, str] = {}
        self._tasks = asyncio.TaskGroup()
        self._rng = Random()  # noqa: S311 - it spreads retries, nothing else

    @property
    def connected(self) -> bool:
        """Whether a message handed over now would be sent."""
        return self._client is not None and self._client.is_connected

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._keeping = self._tasks.create_task(self._keep_connected())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A cancellation that meets a connection as it is made can be lost in Python
        # 3.11's wait_for (gh-86296), which the client uses: ask until it is heard.
        while not self._keeping.done():
            self._keeping.cancel()
            await asyncio.wait({self._keeping}, timeout=CANCEL_SECONDS)
        # The body's own error is not the group's: it leaves as it is.
        await self._tasks.__aexit__(None, None, None)

    async def publish(self, message: Message) -> bool:
        """Hand over ``message``; return False when it will not be sent."""
        client = self._client
        if client is None or not client.is_connected:
            return False
        if client.pending_data_size + len(message.body) > MOST_PENDING:
            return False
        headers = dict(message.headers) or None
        try:
            await client.publish(message.subject, message.body, headers=headers)
        except AWAY:
            return False
        return True

    async def subscribe(self, subject: str) -> AsyncGenerator[Message]:
        """Yield messages on ``subject``, across reconnects; the oldest are dropped."""
        inbox = Inbox()
        self._inboxes[inbox] = subject
        try:
            if self._client is not None:
                await self._listen(self._client, inbox, subject)
            while True:
                yield await inbox.take()
        finally:
            del self._inboxes[inbox]

    async def _keep_connected(self) -> None:
        attempt = 0
        while True:
            lost = asyncio.Event()
            try:
                async with self._session(lost):
                    log.info("bus.connected", url=self._where)
                    attempt = 0
                    await lost.wait()
                    log.warning("bus.lost", url=self._where)
            except AWAY as error:
                if attempt == 0:  # once per absence, not once per try
                    log.warning("bus.away", url=self._where, error=str(error))
            await asyncio.sleep(RETRY.delay(attempt, self._rng))
            attempt += 1

    @contextlib.asynccontextmanager
    async def _session(self, lost: asyncio.Event) -> AsyncGenerator[None]:
        """Be connected, every subscription in place, until the context ends."""

        async def on_closed() -> None:
            lost.set()

        client = Client()
        try:
            await client.connect(
                self._url,
                name=self._name,
                tls=self._tls,
                tls_handshake_first=self._tls is not None,
                allow_reconnect=False,
                connect_timeout=CONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                closed_cb=on_closed,
                disconnected_cb=on_closed,
                error_cb=_ignore,
            )
            for inbox, subject in list(self._inboxes.items()):
                await self._listen(client, inbox, subject)
            self._client = client
            yield
        finally:
            self._client = None
            with contextlib.suppress(*AWAY):
                await client.close()

    async def _listen(self, client: Client, inbox: Inbox, subject: str) -> None:
        async def deliver(received: Msg) -> None:
            headers = dict(received.headers or {})
            inbox.put(Message(received.subject, headers, received.data))

        with contextlib.suppress(*AWAY):  # the next session listens again
            await client.subscribe(subject, cb=deliver)

    @property
    def _where(self) -> str:
        """The URL without its password."""
        return self._url.rpartition("@")[2]


async def _ignore(_: Exception) -> None:
    """Stay quiet: losing the connection is logged once, where it is handled."""
