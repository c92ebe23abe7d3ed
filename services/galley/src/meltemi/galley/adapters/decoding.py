"""Reading bodies without holding up the loop: small ones here, others next door.

::

    body ≤ 16 KiB ─▶ decode, a few milliseconds
    body > 16 KiB ─▶ a process of its own ─▶ decode ─▶ objects | findings
                      └─ killed after 5 s, and started anew for the next
"""

from __future__ import annotations

import asyncio
import struct
import sys
from typing import TYPE_CHECKING, Self

import msgspec

from meltemi.config.canonical import from_stored
from meltemi.config.finding import Finding, InvalidConfigError
from meltemi.galley.door import decode
from meltemi.galley.presentation import as_json
from meltemi.galley.refusals import BusyError, TooCostlyError

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

SMALL = 16 * 1024
"""Bytes of a body that costs the loop little, however it is written."""
SECONDS = 5.0
"""What a body may take; an honest one of 1 MiB takes about one."""
MOST_WAITING = 16
SIZE = struct.Struct(">I")
MODULE = "meltemi.galley.adapters.decoding_process"


class Job(msgspec.Struct, frozen=True):
    """A text to read."""

    data: bytes
    file: str
    namespace: str


class Result(msgspec.Struct, frozen=True):
    """What it says, or what is wrong with it."""

    objects: tuple[bytes, ...] = ()
    findings: tuple[Finding, ...] = ()


class Decoder:
    """Reads bodies; ``async with`` ends its process."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def decode(
        self, data: bytes, *, file: str, default_namespace: str
    ) -> tuple[Resource[Message], ...]:
        """Return the objects that ``data`` spells, as `decode` does.

        Raises:
            InvalidConfigError: With every problem that was found.
            TooCostlyError: If it takes over 5 s.
            BusyError: If too many large bodies are waiting.

        """
        if len(data) <= SMALL:
            return decode(data, file=file, default_namespace=default_namespace)
        if self._waiting >= MOST_WAITING:
            raise BusyError(f"{MOST_WAITING} large bodies are waiting to be read")
        self._waiting += 1
        try:
            async with self._turn:
                result = await self._ask(Job(data, file, default_namespace))
        finally:
            self._waiting -= 1
        if result.findings:
            raise InvalidConfigError(result.findings)
        return tuple(from_stored(each) for each in result.objects)

    async def _ask(self, job: Job) -> Result:
        done = False
        try:
            async with asyncio.timeout(SECONDS):
                result = await self._exchange(job)
            done = True
        except (TimeoutError, EOFError, ConnectionError) as error:
            raise TooCostlyError(
                f"the body of {len(job.data):,} bytes takes over {SECONDS:g} s or 2 GiB"
                " to read: send its objects one by one"
            ) from error
        finally:
            if not done:
                await self._end()
        return result

    async def _exchange(self, job: Job) -> Result:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", MODULE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        if process.stdin is None or process.stdout is None:
            raise EOFError("no pipes")
        message = msgspec.msgpack.encode(job)
        process.stdin.write(SIZE.pack(len(message)) + message)
        await process.stdin.drain()
        (size,) = SIZE.unpack(await process.stdout.readexactly(SIZE.size))
        answer = await process.stdout.readexactly(size)
        return msgspec.msgpack.decode(answer, type=Result)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


def result_of(job: Job) -> Result:
    """Read one text: what the process next door does."""
    try:
        found = decode(job.data, file=job.file, default_namespace=job.namespace)
    except InvalidConfigError as error:
        return Result(findings=error.findings)
    return Result(tuple(as_json(each) for each in found))
