"""A Galley that dies where it is told to, by the same signal as ``kill -9``.

::

    python -m meltemi.testkit.failpoints PLACE NUMBER      told by GALLEY_* variables

It is made of the same parts as the real one, with something deadly around them: what
people run has no failpoint in it, and no setting that could arm one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

import uvloop

from meltemi.config.ledger_keys import config_prefix
from meltemi.galley.service import GalleyService
from meltemi.galley.settings import GalleySettings
from meltemi.kernel.clock import SystemClock
from meltemi.runtime.service import run
from meltemi.runtime.settings import read_settings
from meltemi.store.etcd import EtcdLedger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from meltemi.kernel.names import Revision
    from meltemi.store.ports import Write

READING = ("GET", "HEAD")


class Place(StrEnum):
    """Where a Galley can be told to die."""

    BEFORE_TRANSACTION = "before-transaction"
    IN_TRANSACTION = "in-transaction"
    """The request is on its way to etcd; nobody knows what becomes of it."""
    AFTER_TRANSACTION = "after-transaction"
    BEFORE_ANSWER = "before-answer"


class Fuse:
    """Ends the process when ``place`` is passed for the ``number``-th time."""

    def __init__(self, place: Place, number: int) -> None:
        self._place, self._left = place, number

    def passes(self, place: Place) -> None:
        """Die if this is the place and the time."""
        if place is not self._place:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def is_set_to(self, place: Place) -> bool:
        """Tell whether this passing of ``place`` will be the last."""
        return place is self._place and self._left == 1


class MortalLedger(EtcdLedger):
    """etcd, with a fuse around each transaction that writes configuration."""

    def __init__(self, endpoints: Sequence[str], fuse: Fuse, mesh: str) -> None:
        super().__init__(endpoints)
        self._fuse, self._prefix = fuse, config_prefix(mesh)

    async def commit(self, writes: Sequence[Write]) -> Revision:
        """Apply all of ``writes`` or none, and perhaps not live to tell."""
        if not any(write.key.startswith(self._prefix) for write in writes):
            return await super().commit(writes)
        self._fuse.passes(Place.BEFORE_TRANSACTION)
        if self._fuse.is_set_to(Place.IN_TRANSACTION):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(super().commit(writes))
                await asyncio.sleep(0)  # it is sent
                await asyncio.sleep(0.001)  # etcd takes about as long
                self._fuse.passes(Place.IN_TRANSACTION)
        self._fuse.passes(Place.IN_TRANSACTION)
        revision = await super().commit(writes)
        self._fuse.passes(Place.AFTER_TRANSACTION)
        return revision


def mortal(app: ASGIApp, fuse: Fuse) -> ASGIApp:
    """Return ``app`` with a fuse before the answer to each write that succeeds."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                fuse.passes(Place.BEFORE_ANSWER)
            await send(message)

        writes = scope.get("method", "GET") not in READING
        await app(scope, receive, answer if writes else send)

    return serve


async def main(stopping: asyncio.Event, fuse: Fuse) -> None:
    """Serve until ``stopping``, or until the fuse burns."""
    settings = read_settings(GalleySettings, os.environ)  # noqa: TID251 - the program starts here
    endpoints = [str(each) for each in settings.etcd_endpoints]
    async with (
        MortalLedger(endpoints, fuse, settings.mesh) as ledger,
        settings.bus(settings.nats_url, name=settings.name) as bus,
    ):
        service = GalleyService(settings, ledger, bus, SystemClock())
        await service.run(stopping, around=partial(mortal, fuse=fuse))


if __name__ == "__main__":
    armed = Fuse(Place(sys.argv[1]), int(sys.argv[2]))
    run(
        partial(main, fuse=armed),
        service="galley",
        new_loop=uvloop.new_event_loop,
    )
