"""``python -m meltemi.injector``: the admission webhook, told by INJECTOR_*."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import uvloop

from meltemi.injector.assembly import serve
from meltemi.injector.settings import InjectorSettings
from meltemi.runtime.logs import configure_logs
from meltemi.runtime.service import run
from meltemi.runtime.settings import read_settings

if TYPE_CHECKING:
    import asyncio


async def main(stopping: asyncio.Event) -> None:
    """Serve until ``stopping``."""
    settings = read_settings(InjectorSettings, os.environ)  # noqa: TID251 - __main__
    configure_logs("injector", settings.name, json=not sys.stderr.isatty())
    await serve(settings, stopping)


if __name__ == "__main__":
    run(main, service="injector", new_loop=uvloop.new_event_loop)
