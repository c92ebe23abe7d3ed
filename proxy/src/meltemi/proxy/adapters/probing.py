"""Asking an application whether it is well, as Kubernetes' kubelet asks.

Source:
    kubernetes.io/docs/tasks/configure-pod-container/
    configure-liveness-readiness-startup-probes: certificates are not looked at, a
    redirect to another host is an answer, 200 to 399 is well.

"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import grpc
import httpx2
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from meltemi.proxy.health.probe import Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.config.schema.workload_group import (
        GrpcHealthCheckConfig,
        HTTPHealthCheckConfig,
        ReadinessProbe,
    )
    from meltemi.proxy.health.probe import At
    from meltemi.runtime.settings import Address

MOST_BYTES: Final = 10 * 1024
MOST_REDIRECTS: Final = 10
NAME: Final = "meltemi-agent"
CHECK: Final = "/grpc.health.v1.Health/Check"
SERVING: Final = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What an application said, as HTTP says it."""

    status: int
    text: bytes

    @property
    def trouble(self) -> str | None:
        """Why the application is not well, or None."""
        if HTTPStatus.OK <= self.status < HTTPStatus.BAD_REQUEST:
            return None
        words = self.text[:200].decode(errors="replace").strip()
        return f"{self.status} {words}".strip()


class Prober:
    """Asks the application of one workload."""

    def __init__(self, at: At) -> None:
        self._at = at
        self._http = httpx2.AsyncClient(
            trust_env=False,
            verify=False,
            timeout=None,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, probe: ReadinessProbe, agent: str = NAME) -> Answer:
        """Return what the application answers; silence is an answer of 500.

        ``agent`` is how whoever asks calls itself.
        """
        seconds = Pace.of(probe).timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._answer(probe, agent)
        except TimeoutError:
            return _failed(f"no answer within {seconds} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return _failed(f"{error!r}")
        except grpc.aio.AioRpcError as error:
            return _failed(f"{error.code().name}: {error.details()}")

    async def _answer(self, probe: ReadinessProbe, agent: str) -> Answer:
        if probe.http_get:
            return await self._get(probe.http_get, agent)
        if probe.tcp_socket:
            place = self._at(probe.tcp_socket.host, probe.tcp_socket.port)
            return await _connect(place)
        if probe.grpc:
            return await _check(self._at(None, probe.grpc.port or 0), probe.grpc)
        return await _run(probe.exec.command if probe.exec else ())

    async def _get(self, how: HTTPHealthCheckConfig, agent: str) -> Answer:
        place = self._at(how.host, how.port)
        path = how.path or "/"
        separator = "" if path.startswith("/") else "/"
        url = f"{(how.scheme or 'http').lower()}://{place}{separator}{path}"
        told = [(each.name or "", each.value or "") for each in how.http_headers]
        headers = httpx2.Headers({"user-agent": agent, "accept": "*/*"})
        headers.update(httpx2.Headers(told))
        request = self._http.build_request("GET", url, headers=headers)
        for _ in range(MOST_REDIRECTS):
            answer = await self._http.send(request, stream=True)
            following = answer.next_request
            if following is None or following.url.host != request.url.host:
                break
            await answer.aclose()
            request = following
        else:
            return _failed(f"more than {MOST_REDIRECTS} redirects")
        return await _read(answer)


async def _read(answer: httpx2.Response) -> Answer:
    text = bytearray()
    try:
        async for chunk in answer.aiter_raw(MOST_BYTES):
            text += chunk
            if len(text) >= MOST_BYTES:
                break
    finally:
        await answer.aclose()
    return Answer(answer.status_code, bytes(text[:MOST_BYTES]))


async def _connect(place: Address) -> Answer:
    _, writer = await asyncio.open_connection(place.host, place.port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return Answer(HTTPStatus.OK, b"")


async def _check(place: Address, how: GrpcHealthCheckConfig) -> Answer:
    """Ask grpc.health.v1: a text in, a number out, each the first field."""
    async with grpc.aio.insecure_channel(str(place)) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[StringValue, bytes] = (
            channel.unary_unary(CHECK, request_serializer=StringValue.SerializeToString)
        )
        raw = await call(StringValue(value=how.service or ""))
    try:
        status = Int32Value.FromString(raw).value
    except DecodeError:
        return _failed("its answer is not grpc.health.v1's")
    if status != SERVING:
        return _failed(f"its status is {status}, not {SERVING} (SERVING)")
    return Answer(HTTPStatus.OK, b"")


async def _run(command: Sequence[str]) -> Answer:
    """Run a command, and all it started not a moment longer."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return Answer(HTTPStatus.OK, b"") if code == 0 else _failed(f"it ended with {code}")


def _failed(why: str) -> Answer:
    return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, f"{why}\n".encode())
