"""A Vault that misbehaves on demand. For faults only: what is right, a real one shows."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from meltemi.citadel.csr import check_request
from meltemi.citadel.issue import Authority, Template, issue
from meltemi.identity.certificate import certificate_pem
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.testkit.authority import authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

START = SystemClock().now()
TOKEN = "hvs.TOKEN-THAT-NOBODY-ELSE-SEES"  # noqa: S105 - nobody's


@dataclass(frozen=True)
class Reply:
    """What is sent: whole, cut short, or never."""

    status: int
    body: bytes = b""
    location: str = ""
    kind: str = "application/json"
    cut: bool = False
    silent: bool = False

    @classmethod
    def document(cls, status: int, **fields: object) -> Reply:
        return cls(status, json.dumps(fields).encode())


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    token: str
    fields: dict[str, str]

    @property
    def template(self) -> Template:
        identity = SpiffeId.parse(self.fields["uri_sans"])
        checked = check_request(self.fields["csr"], identity)
        lifetime = timedelta(seconds=int(self.fields["ttl"].removesuffix("s")))
        return Template(identity, checked.public_key, lifetime)


@dataclass
class FalseVault:
    """Signs as a Vault does, except where ``fault`` says something else."""

    fault: Callable[[Asked], Reply | None] = lambda _: None
    signer: Authority = field(default_factory=lambda: authority(now=START))
    url: str = ""
    seen: list[Asked] = field(default_factory=list)

    def count(self, part: str) -> int:
        return sum(part in each.path for each in self.seen)

    def reply(self, asked: Asked) -> Reply:
        self.seen.append(asked)
        if (wrong := self.fault(asked)) is not None:
            return wrong
        if asked.path.endswith("/login"):
            auth = {"client_token": TOKEN, "lease_duration": 3600, "renewable": True}
            return Reply.document(200, auth=auth)
        root = self.signer.bundle_pem
        if asked.path.endswith("/json"):
            return Reply.document(200, data={"certificate": root, "ca_chain": [root]})
        return self.signed(asked.template)

    def signed(self, template: Template, **more: object) -> Reply:
        """The answer that holds a certificate of ``template``, whoever asked for it."""
        now, serial = SystemClock().now(), x509.random_serial_number()
        leaf = issue(self.signer, template, now=now, serial=serial)
        data = {"certificate": certificate_pem(leaf), "issuing_ca": ""}
        return Reply.document(200, data=data, **more)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            reply = self.reply(await _request(reader))
            if reply.silent:
                await reader.read()
                return
            writer.write(
                _head(reply) + reply.body[: len(reply.body) // (1 + reply.cut)]
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {
        name.lower(): value
        for name, _, value in (line.partition(": ") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    fields = json.loads(body) if body else {}
    return Asked(first.split()[1], headers.get("x-vault-token", ""), fields)


def _head(reply: Reply) -> bytes:
    where = f"Location: {reply.location}\r\n" if reply.location else ""
    return (
        f"HTTP/1.1 {reply.status} X\r\nContent-Type: {reply.kind}\r\n"
        f"Content-Length: {len(reply.body)}\r\nConnection: close\r\n{where}\r\n"
    ).encode()


@asynccontextmanager
async def false_vault(
    fault: Callable[[Asked], Reply | None] = lambda _: None,
    *,
    tls: tuple[Path, Path] | None = None,
) -> AsyncIterator[FalseVault]:
    """Serve on loopback; ``tls`` are the files of a chain and its key."""
    vault = FalseVault(fault)
    context: ssl.SSLContext | None = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
    server = await asyncio.start_server(vault.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    vault.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    async with server:
        yield vault
