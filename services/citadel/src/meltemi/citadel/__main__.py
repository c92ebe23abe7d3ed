"""``python -m meltemi.citadel``: read settings, build the adapters, serve."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import uvloop

from meltemi.citadel.assembly import serve
from meltemi.citadel.settings import CitadelSettings
from meltemi.runtime.logs import configure_logs
from meltemi.runtime.service import run
from meltemi.runtime.settings import read_settings
from meltemi.store.arrival import arrival

if TYPE_CHECKING:
    import asyncio


async def main(stopping: asyncio.Event) -> None:
    """Run one Citadel until ``stopping``."""
    settings = read_settings(CitadelSettings, os.environ)  # noqa: TID251 - __main__
    configure_logs("citadel", settings.name, json=not sys.stderr.isatty())
    async with settings.ledger(settings.etcd_endpoints) as ledger:
        await arrival(ledger)
        async with contextlib.AsyncExitStack() as stack:
            bus = (
                settings.bus(settings.nats_url, name=settings.name)
                if settings.nats_url
                else None
            )
            if bus is not None:
                await stack.enter_async_context(bus)
            await serve(settings, ledger, stopping, bus)


if __name__ == "__main__":
    run(main, service="citadel", new_loop=uvloop.new_event_loop)
