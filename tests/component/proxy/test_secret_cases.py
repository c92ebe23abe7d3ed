"""Adversarial cases 34 and 35, T17 and T18: whoever talks to the agent's socket."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DiscoveryRequest,
)
from google.rpc.status_pb2 import Status
from prometheus_client import CollectorRegistry

from meltemi.proxy.adapters import sds
from meltemi.proxy.adapters.sds import SERVICE, SecretBoard, secret_service
from meltemi.proxy.adapters.secret_files import SecretFiles
from meltemi.proxy.adapters.sockets import private_folder, serving_sockets
from meltemi.proxy.secrets import DEFAULT
from meltemi.testkit.authority import credential, write_credential
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOBODY = 65534


class Agent:
    """A board on a socket, and a folder whose files may be served."""

    def __init__(self, folder: Path) -> None:
        self.registry = CollectorRegistry()
        self.files = (folder / "files").resolve()
        self.files.mkdir()
        self.board = SecretBoard(SecretFiles((self.files,)), self.registry)
        self.socket = folder / "run" / "sds.sock"
        private_folder(folder / "run")

    def refused(self, by: str) -> float:
        name = "meltemi_agent_secrets_refused_total"
        return self.registry.get_sample_value(name, {"by": by}) or 0.0

    async def ask(
        self, *names: str, delta: bool = False
    ) -> tuple[str, grpc.StatusCode]:
        """Return the first secret's name, or the status that ended the stream."""
        async with self.stream(delta=delta) as call:
            request = (
                DeltaDiscoveryRequest(resource_names_subscribe=names)
                if delta
                else DiscoveryRequest(resource_names=names)
            )
            await call.write(request.SerializeToString())
            try:
                async with asyncio.timeout(5):
                    answer = await call.read()
            except grpc.aio.AioRpcError as error:
                return str(error.details()), error.code()
            except TimeoutError:
                return "", grpc.StatusCode.DEADLINE_EXCEEDED
            if not isinstance(answer, bytes):
                return str(await call.details()), await call.code()
        return "", grpc.StatusCode.OK

    @asynccontextmanager
    async def stream(
        self, *, delta: bool = False
    ) -> AsyncIterator[grpc.aio.StreamStreamCall[bytes, bytes]]:
        method = "DeltaSecrets" if delta else "StreamSecrets"
        async with grpc.aio.insecure_channel(f"unix:{self.socket}") as channel:
            made: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = (
                channel.stream_stream(f"/{SERVICE}/{method}")
            )
            call = made()
            yield call
            call.cancel()


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Agent]:
    agent = Agent(folder)
    async with serving_sockets((secret_service(agent.board),), (agent.socket,)):
        yield agent


def trap(folder: Path, name: str) -> str:
    """Return the path of something that is no file of ours."""
    path = folder / name
    match name:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "out":
            (folder.parent / "secret.pem").write_text("-----BEGIN X-----\n")
            path.symlink_to(folder.parent / "secret.pem")
        case "large":
            path.write_bytes(b"-----BEGIN " + b"a" * 1024 * 1024)
        case "words":
            path.write_text("root:hunter2:19000:0")
        case _:
            pass
    return str(path)


@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("file-cert:/a~/b~/c", "absolute"),
        ("file-cert:/a", "absolute"),
        ("file-cert:", "absolute"),
        ("file-root:relative.pem", "absolute"),
        ("file-root:{files}/../secret.pem", "without .."),
        ("file-root:/proc/self/mem", "in none of the folders"),
        ("file-cert:/etc/shadow~/etc/shadow", "in none of the folders"),
        ("file-root:/dev/zero", "in none of the folders"),
        ("file-root:{fifo}", "not a regular file"),
        ("file-root:{folder}", "not a regular file"),
        ("file-root:{loop}", "circle"),
        ("file-root:{out}", "in none of the folders"),
        ("file-root:{large}", "over 1048576 bytes"),
        ("file-root:{words}", "not PEM"),
        ("file-root:{absent}", "No such file"),
        ("file-root:/a\0b", "absolute"),
        ("file-root:/" + "a" * 5000, "characters"),
    ],
)
async def test_case_34_and_t18_a_path_that_must_not_be_served_ends_the_stream(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    why: str,
    *,
    delta: bool,
) -> None:
    async with served(tmp_path) as agent:
        for each in ("fifo", "folder", "loop", "out", "large", "words", "absent"):
            if f"{{{each}}}" in name:
                name = name.format(**{each: trap(agent.files, each)})
        name = name.replace("{files}", str(agent.files))
        told, code = await agent.ask(name, delta=delta)
        assert code is grpc.StatusCode.INVALID_ARGUMENT, told
        assert why in told
        assert agent.refused("agent") == 1
        said = capsys.readouterr()
        assert "hunter2" not in told + said.out + said.err, "no content in an error"


async def test_case_34_ten_thousand_names_end_the_stream(tmp_path: Path) -> None:
    async with served(tmp_path) as agent:
        told, code = await agent.ask(*(f"n{each}" for each in range(10_000)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "at most 1000" in told


async def test_case_34_an_unknown_name_keeps_nobody_else_waiting(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as agent:
        await agent.board.show(credential())
        async with agent.stream() as waiting:
            asked = DiscoveryRequest(resource_names=["nobody-s"])
            await waiting.write(asked.SerializeToString())
            assert (await agent.ask(DEFAULT))[1] is grpc.StatusCode.OK


async def test_files_within_the_folders_are_served(tmp_path: Path) -> None:
    async with served(tmp_path) as agent:
        chain, key = write_credential(agent.files, "a", credential())
        linked = agent.files / "current"
        linked.symlink_to(chain)
        for name in (f"file-cert:{linked}~{key}", f"file-root:{chain}"):
            assert (await agent.ask(name))[1] is grpc.StatusCode.OK


async def test_case_35_a_refusal_of_envoy_s_is_counted(tmp_path: Path) -> None:
    async with served(tmp_path) as agent:
        await agent.board.show(credential())
        async with agent.stream() as call:
            request = DiscoveryRequest(resource_names=[DEFAULT])
            await call.write(request.SerializeToString())
            await call.read()
            request.response_nonce = "1"
            request.error_detail.CopyFrom(Status(code=13, message="bad"))
            await call.write(request.SerializeToString())
            await until(lambda: agent.refused("envoy") == 1)


async def test_case_35_streams_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sds, "MOST_STREAMS", 2)
    async with served(tmp_path) as agent:
        await agent.board.show(credential())
        asked = DiscoveryRequest(resource_names=[DEFAULT]).SerializeToString()
        async with agent.stream() as first, agent.stream() as second:
            for call in (first, second):
                await call.write(asked)
                await call.read()
            _, code = await agent.ask(DEFAULT)
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        await until(lambda: not agent.board._bells)
        assert (await agent.ask(DEFAULT))[1] is grpc.StatusCode.OK


async def test_case_35_who_does_not_read_costs_one_answer(tmp_path: Path) -> None:
    async with served(tmp_path) as agent, agent.stream() as stalled:
        asked = DiscoveryRequest(resource_names=[DEFAULT])
        await stalled.write(asked.SerializeToString())
        for _ in range(20):
            async with asyncio.timeout(5):
                await agent.board.show(credential())
        assert (await agent.ask(DEFAULT))[1] is grpc.StatusCode.OK


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_t17_another_user_cannot_even_connect(tmp_path: Path) -> None:
    async with served(tmp_path) as agent:
        assert agent.socket.stat().st_mode & 0o777 == 0o600
        assert agent.socket.parent.stat().st_mode & 0o777 == 0o700
        child = os.fork()
        if child == 0:
            os._exit(_connects_as_nobody(str(agent.socket)))
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0


def _connects_as_nobody(path: str) -> int:
    """Return 0 if the socket is closed to nobody, in a process of its own."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with socket.socket(socket.AF_UNIX) as made:
        try:
            made.connect(path)
        except PermissionError:
            return 0
    return 1
