"""A client that watches over a socket of its own, so that it can be cut off."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.runtime.settings import Address

RULES = "/apis/networking.istio.io/v1/destinationrules"
LINES, EVENTS = FORMS = ("application/json", "text/event-stream")


class WatchClient:
    """Reads events about DestinationRules of all namespaces, in one of two forms."""

    def __init__(self, address: Address, form: str, authorization: str = "") -> None:
        self._proof = f"Authorization: {authorization}\r\n" if authorization else ""
        self._address, self._streamed, self._form = address, form == EVENTS, form
        self._text = b""
        self.status = 0
        self.head = b""

    @contextlib.asynccontextmanager
    async def watching(self, query: str, last: str = "") -> AsyncIterator[WatchClient]:
        """Watch behind revision ``last``; the end is a reset, not a farewell."""
        self._reader, writer = await asyncio.open_connection(
            self._address.host, self._address.port
        )
        path, resume = f"{RULES}?{query}", ""
        if not self._streamed:
            path += "&watch=1"
            path += f"&resourceVersion={last}" if last else ""
        elif last:
            resume = f"Last-Event-ID: {last}\r\n"
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {self._form}\r\n"
        writer.write(f"{head}{self._proof}{resume}\r\n".encode())
        try:
            self.head = await self._reader.readuntil(b"\r\n\r\n")
            self.status = int(self.head.split()[1])
            self._text = b""
            yield self
        finally:
            writer.transport.abort()

    async def body(self) -> dict[str, Any]:
        """Return what a refusal says: it has a length."""
        size = re.search(rb"(?im)^content-length: (\d+)", self.head)
        if size is None:
            raise AssertionError(f"no length in {self.head!r}")
        found: dict[str, Any] = json.loads(await self._reader.readexactly(int(size[1])))
        return found

    async def event(self) -> tuple[str, dict[str, Any]]:
        """Return the next event's type and object.

        Raises:
            EOFError: If the server has said its last word.

        """
        end = b"\n\n" if self._streamed else b"\n"
        while end not in self._text:
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            if not size:
                raise EOFError
            self._text += (await self._reader.readexactly(size + 2))[:-2]
        line, _, self._text = self._text.partition(end)
        return _server_sent(line) if self._streamed else _chunk(line)


def _chunk(line: bytes) -> tuple[str, dict[str, Any]]:
    event = json.loads(line)
    return event["type"], event["object"]


def _server_sent(lines: bytes) -> tuple[str, dict[str, Any]]:
    kind, number, data = lines.decode().split("\n")
    told = json.loads(data.removeprefix("data: "))
    version = told.get("metadata", {}).get("resourceVersion")
    if version and number != f"id: {version}":
        raise AssertionError(f"{number}: not where to resume behind {version}")
    return kind.removeprefix("event: "), told
