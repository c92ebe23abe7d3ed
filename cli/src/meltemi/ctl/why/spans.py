"""Where a proxy tells its spans, by the configuration that is in force. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.telemetry import WorkloadMode
from meltemi.ctl.lens.proxies import UnknownProxyError, named
from meltemi.pilot import ir
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.telemetry.tracing import tracing

if TYPE_CHECKING:
    from meltemi.ctl.lens.world import World
    from meltemi.ctl.why.hop import Hop


Side = tuple[str, bool]
"""A proxy, and whether it is the server's: each side has a tracer of its own."""


def side(hop: Hop) -> Side:
    """Return who told of ``hop``."""
    return hop.proxy, hop.inbound


def collector(world: World, hop: Hop) -> str:
    """Return ``HOST:PORT`` of who is told of requests like ``hop``; empty: nobody.

    Its proxy may be unknown by now, and what it told before it was changed is not seen.
    """
    try:
        group = named(world, hop.proxy).group
    except UnknownProxyError:
        return ""
    side = WorkloadMode.SERVER if hop.inbound else WorkloadMode.CLIENT
    found = tracing(scope(world.index, group), side)
    if found is None or found.provider is None:
        return ""
    told = found.provider
    cluster = told.call.cluster if isinstance(told, ir.Zipkin) else told.to.cluster
    _, port, _, host = cluster.split("|")
    return f"{host}:{port}"
