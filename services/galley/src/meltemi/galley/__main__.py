"""Start a Galley: ``python -m meltemi.galley``, told by GALLEY_* variables."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import uvloop

from meltemi.galley.service import GalleyService
from meltemi.galley.settings import GalleySettings
from meltemi.kernel.clock import SystemClock
from meltemi.runtime.logs import configure_logs
from meltemi.runtime.service import run
from meltemi.runtime.settings import read_settings
from meltemi.store.arrival import arrival

if TYPE_CHECKING:
    import asyncio


async def main(stopping: asyncio.Event) -> None:
    """Serve until ``stopping``."""
    settings = read_settings(GalleySettings, os.environ)  # noqa: TID251 - here it is read
    configure_logs("galley", settings.name, json=not sys.stderr.isatty())
    clock = SystemClock()
    async with (
        settings.tracing("galley", settings.name, clock) as tracing,
        settings.ledger(settings.etcd_endpoints) as ledger,
        settings.bus(settings.nats_url, name=settings.name) as bus,
    ):
        await arrival(ledger)
        await GalleyService(settings, ledger, bus, clock, tracing).run(stopping)


if __name__ == "__main__":
    run(main, service="galley", new_loop=uvloop.new_event_loop)
