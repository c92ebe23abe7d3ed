"""A registry of images, and a server of files, on loopback over TLS."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import ssl
import tarfile
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.testkit.processes import free_port
from meltemi.testkit.web_certificates import web_certificate, web_root

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

OCI = "application/vnd.oci.image"
MANIFEST = f"{OCI}.manifest.v1+json"
INDEX = f"{OCI}.index.v1+json"
MODULE_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
ARCHIVE_LAYER = f"{OCI}.layer.v1.tar+gzip"
PULLER = ("puller", "s3cret")


@dataclass(frozen=True)
class Said:
    """An answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def digest(raw: bytes) -> str:
    """Return what a registry knows ``raw`` by."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def archive(files: Mapping[str, bytes], *, packed: bool = True) -> bytes:
    """Return a layer: files by name, as a tar archive."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue()) if packed else raw.getvalue()


def manifest(*layers: tuple[str, bytes]) -> bytes:
    """Return an image's manifest: layers by media type."""
    parts = [
        {"mediaType": kind, "digest": digest(raw), "size": len(raw)}
        for kind, raw in layers
    ]
    told = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": parts}
    return json.dumps(told).encode()


@dataclass
class ImageServer:
    """What is served by path, and what was asked: path and headers.

    Attributes:
        guarded: Whether an image is for those alone who got a token as `PULLER`.

    """

    port: int
    pages: dict[str, Said] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    guarded: bool = False
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while requests are answered; cleared, they wait."""

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.asked]

    def url(self, path: str) -> str:
        """Return where ``path`` is."""
        return f"https://{self.authority}{path}"

    def push(self, path: str, tag: str, raw: bytes, *layers: bytes) -> str:
        """Serve an image, and return its digest."""
        for each in layers:
            self.pages[f"/v2/{path}/blobs/{digest(each)}"] = Said(each)
        for name in (tag, digest(raw)):
            self.pages[f"/v2/{path}/manifests/{name}"] = Said(raw)
        return digest(raw)

    def push_module(self, path: str, tag: str, module: bytes) -> str:
        """Serve an image that is a module, and return its digest."""
        config = b"{}"
        layers = (("application/vnd.module.wasm.config.v1+json", config),)
        made = manifest(*layers, (MODULE_LAYER, module))
        return self.push(path, tag, made, config, module)

    def _answer(self, path: str, headers: Mapping[str, str]) -> Said:
        shown = headers.get("authorization", "")
        if path.startswith("/token"):
            name, password = PULLER
            known = b64encode(f"{name}:{password}".encode())
            good = shown == f"Basic {known.decode()}"
            return Said(b'{"token":"let-me-in"}') if good else Said(status=401)
        if self.guarded and path.startswith("/v2/") and shown != "Bearer let-me-in":
            realm = f'Bearer realm="{self.url("/token")}",service="images"'
            return Said(status=401, headers={"www-authenticate": realm})
        return self.pages.get(path, Said(b"no such thing", 404))

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request and hang up."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            pairs = (line.partition(": ") for line in lines if line)
            headers = {name.lower(): value for name, _, value in pairs}
            path = first.split(" ")[1]
            self.asked.append((path, headers))
            await self.busy.wait()
            said = self._answer(path, headers)
            told = {"content-length": str(len(said.body)), **said.headers}
            words = "".join(f"{name}: {value}\r\n" for name, value in told.items())
            writer.write(f"HTTP/1.1 {said.status} It\r\n{words}\r\n".encode())
            writer.write(said.body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def image_server(folder: Path) -> AsyncIterator[ImageServer]:
    """Serve on 127.0.0.1; ``folder/web-root.pem`` is whom to believe it by."""
    shown = web_certificate("127.0.0.1")
    files = folder / "registry.pem"
    files.write_text(shown.key_pem + shown.pem)
    (folder / "web-root.pem").write_text(web_root().pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files)
    made = ImageServer(free_port())
    made.busy.set()
    server = await asyncio.start_server(made.serve, "127.0.0.1", made.port, ssl=context)
    try:
        yield made
    finally:
        made.busy.set()
        server.close()
