"""``python -m meltemi.proxy``: the agent beside one Envoy."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from meltemi.proxy.adapters.guarded_memory import guard_memory
from meltemi.proxy.assembly import Agent
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.logs import configure_logs
from meltemi.runtime.service import run
from meltemi.runtime.settings import read_settings

if TYPE_CHECKING:
    import asyncio


async def main(stopping: asyncio.Event) -> None:
    """Run one agent until ``stopping``."""
    settings = read_settings(AgentSettings, os.environ)  # noqa: TID251 - __main__
    instance = f"{settings.name}.{settings.namespace}"
    configure_logs("agent", instance, json=not sys.stderr.isatty())
    guard_memory()
    await Agent(settings).run(stopping)


if __name__ == "__main__":
    run(main, service="agent")
