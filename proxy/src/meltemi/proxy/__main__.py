"""``python -m meltemi.proxy``: the agent beside one Envoy."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import structlog

from meltemi.config.heard import unheard
from meltemi.proxy.adapters.guarded_memory import guard_memory
from meltemi.proxy.assembly import Agent
from meltemi.proxy.settings import AUTO, AgentSettings
from meltemi.runtime.logs import configure_logs
from meltemi.runtime.outward import NoWayError, outward_address
from meltemi.runtime.service import run
from meltemi.runtime.settings import read_settings

if TYPE_CHECKING:
    import asyncio


log = structlog.get_logger()


def located(settings: AgentSettings) -> AgentSettings:
    """Return ``settings`` with an address where they ask for the machine's own.

    While no Pilot can be found it is the one of the default route: what a proxy held
    before must come up again without any Pilot.
    """
    if settings.instance_ip != AUTO:
        return settings
    try:
        found = outward_address(settings.pilots[0].host)
    except NoWayError:
        found = outward_address()
    return settings.model_copy(update={"instance_ip": found})


def warn_of_unheard(settings: AgentSettings) -> None:
    """Log each part of the ProxyConfig that changes nothing."""
    for part in unheard(settings.proxy_config):
        log.warning("proxy_config_without_effect", part=part)


async def main(stopping: asyncio.Event) -> None:
    """Run one agent until ``stopping``."""
    settings = located(read_settings(AgentSettings, os.environ))  # noqa: TID251 - __main__
    instance = f"{settings.name}.{settings.namespace}"
    configure_logs("agent", instance, json=not sys.stderr.isatty())
    warn_of_unheard(settings)
    guard_memory()
    await Agent(settings).run(stopping)


if __name__ == "__main__":
    run(main, service="agent")
