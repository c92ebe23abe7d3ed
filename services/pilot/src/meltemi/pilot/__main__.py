"""Start a Pilot: ``python -m meltemi.pilot``, told by PILOT_* variables."""

from __future__ import annotations

import gc
import os
import sys
from random import Random
from typing import TYPE_CHECKING

import grpc
import uvloop

from meltemi.kernel.clock import SystemClock
from meltemi.pilot.adapters.allowance import MESSAGE_BYTES
from meltemi.pilot.service import Pilot
from meltemi.pilot.settings import PilotSettings
from meltemi.pilot.upstream import upstream
from meltemi.runtime.logs import configure_logs
from meltemi.runtime.service import run
from meltemi.runtime.settings import read_settings

if TYPE_CHECKING:
    import asyncio

OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 100),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),  # what newer grpcio goes by
    # Agents ping every 5 s, gRPC permits one in five minutes unless told.
    ("grpc.http2.min_ping_interval_without_data_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


COLLECTED_AFTER = (50_000, 20, 100)
"""A mesh is some million objects, and hardly any of them is ever part of a cycle: to
look at all of them takes as long as a push to a thousand proxies."""


async def main(stopping: asyncio.Event) -> None:
    """Serve until ``stopping``."""
    settings = read_settings(PilotSettings, os.environ)  # noqa: TID251 - here it is read
    configure_logs("pilot", settings.name, json=not sys.stderr.isatty())
    clock = SystemClock()
    async with (
        settings.tracing("pilot", settings.name, clock) as tracing,
        upstream(settings) as found,
    ):
        pilot = Pilot(settings, found, clock, Random(), tracing)  # noqa: S311 - it spreads load
        await pilot.run(lambda: grpc.aio.server(options=OPTIONS), stopping)


if __name__ == "__main__":
    gc.set_threshold(*COLLECTED_AFTER)
    run(main, service="pilot", new_loop=uvloop.new_event_loop)
