"""``python -m meltemi.proxy``: the agent beside one Envoy."""

from __future__ import annotations

import asyncio
import os
import sys
from random import SystemRandom

import structlog

from meltemi.config.heard import unheard
from meltemi.kernel.clock import SystemClock
from meltemi.proxy.adapters.galley_door import GalleyDoor
from meltemi.proxy.adapters.guarded_memory import guard_memory
from meltemi.proxy.adapters.own_address import located
from meltemi.proxy.adapters.sockets import private_folder
from meltemi.proxy.adapters.starting import Starting
from meltemi.proxy.assembly import Agent
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.logs import configure_logs
from meltemi.runtime.service import run
from meltemi.runtime.settings import read_settings

log = structlog.get_logger()


def warn_of_unheard(settings: AgentSettings) -> None:
    """Log each part of the ProxyConfig that changes nothing."""
    for part in unheard(settings.proxy_config):
        log.warning("proxy_config_without_effect", part=part)


async def main(stopping: asyncio.Event) -> None:
    """Run one agent until ``stopping``."""
    environ = os.environ  # noqa: TID251 - here it is read
    settings = read_settings(AgentSettings, environ)
    instance = f"{settings.name}.{settings.namespace}"
    configure_logs("agent", instance, json=not sys.stderr.isatty())
    warn_of_unheard(settings)
    guard_memory()
    clock = SystemClock()
    private_folder(settings.run_dir)
    keeper = settings.joining.keeper(settings.identity, clock, SystemRandom())
    starting = Starting(settings, keeper, GalleyDoor(settings, keeper, clock))
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(keeper.first())
        settings = located(await starting.settle(environ, first))
        await Agent(settings, keeper, starting).run(stopping)
        first.cancel()


if __name__ == "__main__":
    run(main, service="agent")
