"""All resources of one class of proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.scope.node import Interception
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.translate.cluster import clusters
from meltemi.pilot.translate.explicit.inbound import inbound, ports
from meltemi.pilot.translate.explicit.outbound import Served, outbound
from meltemi.pilot.translate.listener.gateway import gateway
from meltemi.pilot.translate.listener.sidecar_inbound import sidecar_inbound
from meltemi.pilot.translate.listener.sidecar_outbound import (
    http_proxy,
    sidecar_outbound,
)
from meltemi.pilot.translate.listener.virtual_outbound import virtual_outbound
from meltemi.pilot.translate.patches import patches
from meltemi.pilot.translate.plugin.fitting import fitting
from meltemi.pilot.translate.route.sidecar import sidecar_table
from meltemi.pilot.translate.secrets import secrets, without_gone
from meltemi.pilot.translate.telemetry.instruments import instruments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meltemi.pilot.scope.scope import Scope


def resources(scope: Scope) -> ir.Resources:
    """Return what proxies with ``scope`` are to hold. ``scope`` is all it reads."""
    served: list[Served] = []
    if scope.group.captured:
        reached = list(clusters.captured(scope))
    else:
        reached = list(clusters.outbound(scope))
    if scope.group.role is Role.GATEWAY:
        served += gateway(scope)
    elif scope.group.captured:
        served += sidecar(scope)
    else:
        served += outbound(scope)
        reached += clusters.inbound(dict(scope.group.explicit.apps), ports(scope))
        arriving = inbound(scope)
        if arriving:
            served.append(Served(arriving))
    told, fitted = instruments(scope), fitting(scope)
    listeners = tuple(
        without_gone(scope, fitted.listener(told.listener(each.listener)))
        for each in served
    )
    made = tuple(told.cluster(each.cluster) for each in reached)
    return ir.Resources(
        clusters=made,
        assignments=tuple(
            told.members(each.assignment) for each in reached if each.assignment
        ),
        listeners=listeners,
        routes=tuple(_tables(served)),
        secrets=tuple(secrets(scope, listeners, made)),
        extensions=tuple(fitted.extensions()),
        patches=patches(scope),
        gateway=scope.group.role is Role.GATEWAY,
    )


def sidecar(scope: Scope) -> Iterator[Served]:
    """Yield the listeners of a sidecar that traffic is redirected to.

    A mesh that gives captured traffic no port has none.
    """
    if not scope.config.document.proxy_listen_port:
        return
    for listener in sidecar_inbound(scope):
        yield Served(listener)
    for listener, asked in sidecar_outbound(scope):
        yield Served(listener, tuple(sidecar_table(scope, each) for each in asked))
    proxy = http_proxy(scope)
    if proxy:
        listener, table = proxy
        yield Served(listener, (sidecar_table(scope, table),))
    if scope.group.interception is not Interception.NONE:
        yield Served(virtual_outbound(scope))


def _tables(served: Iterable[Served]) -> Iterable[ir.RouteTable]:
    """Yield each table once: two listeners may share one."""
    found = {table.name: table for each in served for table in each.tables}
    return found.values()
