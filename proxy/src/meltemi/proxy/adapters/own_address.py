"""The machine's own address, where the settings do not name one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.proxy.settings import AUTO
from meltemi.runtime.outward import NoWayError, outward_address

if TYPE_CHECKING:
    from meltemi.proxy.settings import AgentSettings


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
