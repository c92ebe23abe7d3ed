"""All resources of one class of proxies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.scope.node import Interception
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.translate.cluster import clusters
from meltemi.pilot.translate.cluster.inbound import inbound_clusters
from meltemi.pilot.translate.cluster.service import service_clusters
from meltemi.pilot.translate.cluster.special import special_clusters
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
from meltemi.pilot.translate.telemetry.instruments import instruments, labelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from meltemi.pilot.model.destination_rules import Merged
    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.translate.cluster.service import Reached
    from meltemi.pilot.translate.route.wrapper import Asked


def resources(scope: Scope) -> ir.Resources:
    """Return what proxies with ``scope`` are to hold. ``scope`` is all it reads."""
    served, more = _besides(scope)
    reached = [*clusters.outbound(scope), *more]
    if scope.group.captured:
        reached += special_clusters(scope)
    made = _put_together(scope, reached, served)
    return replace(made, patches=patches(scope))


def besides(scope: Scope) -> ir.Resources:
    """Return what is neither `of_service` nor `beyond`, for all but captured sidecars.

    These have `outward_listeners` and their `own`.
    """
    served, more = _besides(scope)
    return _put_together(scope, more, served, clusters.credentialed(scope))


def _besides(scope: Scope) -> tuple[list[Served], list[Reached]]:
    """Return all listeners, and those clusters that are not for what is called."""
    captured = scope.group.captured
    if scope.group.role is Role.GATEWAY:
        return list(gateway(scope)), list(clusters.unopened(scope) if captured else ())
    if captured:
        return list(sidecar(scope)), list(inbound_clusters(scope))
    served = list(outbound(scope))
    apps = clusters.inbound(dict(scope.group.explicit.apps), ports(scope))
    arriving = inbound(scope)
    return [*served, Served(arriving)] if arriving else served, list(apps)


def in_layers(group: ProxyClass) -> bool:
    """Whether what leaves, and what is `own`, can be made each by itself.

    What a gateway or a proxy that captures nothing holds `besides` is its own to the
    last listener.
    """
    return group.captured and group.role is Role.SIDECAR


def of_service(scope: Scope, service: Service, merged: Merged | None) -> ir.Resources:
    """Return the clusters and endpoints by which proxies reach one service.

    ``merged`` is the DestinationRule that holds for it; no other is read, nor is any
    other service.
    """
    return _reaching(scope, tuple(service_clusters(scope, service, merged)))


def beyond(scope: Scope) -> ir.Resources:
    """Return the clusters by which captured proxies reach what is no service."""
    return _reaching(scope, tuple(special_clusters(scope)))


def outward_listeners(scope: Scope, listeners: Iterable[ir.Listener]) -> ir.Resources:
    """Return those of `leaving` with telemetry and plugins, and all plugins."""
    return ir.Resources(
        clusters=(),
        assignments=(),
        listeners=_listening(scope, listeners),
        routes=(),
        extensions=tuple(fitting(scope).extensions()),
    )


def own(scope: Scope) -> ir.Resources:
    """Return what sidecars with ``scope`` hold for what reaches their workload."""
    made = _reaching(scope, tuple(inbound_clusters(scope)))
    served = (each.listener for each in _received(scope))
    return replace(made, listeners=_listening(scope, served))


def _reaching(scope: Scope, reached: Sequence[Reached]) -> ir.Resources:
    """Return these clusters and their endpoints with what metrics ask of them."""
    told = labelled(scope)
    return ir.Resources(
        clusters=tuple(told.cluster(each.cluster) for each in reached),
        assignments=tuple(
            told.members(each.assignment) for each in reached if each.assignment
        ),
        listeners=(),
        routes=(),
    )


def _listening(
    scope: Scope, listeners: Iterable[ir.Listener]
) -> tuple[ir.Listener, ...]:
    """Return these with what telemetry and plugins add to them."""
    told, fitted = instruments(scope), fitting(scope)
    return tuple(
        without_gone(scope, fitted.listener(told.listener(each))) for each in listeners
    )


def _put_together(
    scope: Scope,
    reached: Sequence[Reached],
    served: Sequence[Served],
    more: Iterable[Reached] = (),
) -> ir.Resources:
    """Return all of them as one proxy holds them.

    ``more`` are clusters it holds too, whose secrets it needs.
    """
    listeners = _listening(scope, (each.listener for each in served))
    made = _reaching(scope, reached)
    return replace(
        made,
        listeners=listeners,
        routes=tuple(_tables(served)),
        secrets=tuple(
            secrets(
                scope, listeners, (*made.clusters, *(each.cluster for each in more))
            )
        ),
        extensions=tuple(fitting(scope).extensions()),
        gateway=scope.group.role is Role.GATEWAY,
        hosts_apart=scope.group.hosts_apart,
    )


def sidecar(scope: Scope) -> Iterator[Served]:
    """Yield the listeners of a sidecar that traffic is redirected to."""
    yield from _received(scope)
    yield from _sent(scope)


def _received(scope: Scope) -> Iterator[Served]:
    """Yield the listeners for what arrives, if the mesh gives that a port."""
    if scope.config.document.proxy_listen_port:
        for listener in sidecar_inbound(scope):
            yield Served(_placed(scope, listener))


def _sent(scope: Scope) -> Iterator[Served]:
    for listener, asked in leaving(scope):
        yield Served(listener, tuple(sidecar_table(scope, each) for each in asked))


def leaving(scope: Scope) -> Iterator[tuple[ir.Listener, tuple[Asked, ...]]]:
    """Yield the listeners for what leaves, with the tables they fetch.

    There are some if the mesh gives that a port. They are as before telemetry and
    plugins, and nothing of what the workload itself answers for is read.
    """
    if scope.config.document.proxy_listen_port:
        for listener, asked in _leaving(scope):
            yield _placed(scope, listener), asked


def _placed(scope: Scope, listener: ir.Listener) -> ir.Listener:
    """Return ``listener``, its socket where the application is.

    That may be in another network namespace than the proxy.
    """
    netns = scope.group.node.application_netns
    return replace(listener, netns=netns) if netns and listener.bound else listener


def _leaving(scope: Scope) -> Iterator[tuple[ir.Listener, tuple[Asked, ...]]]:
    yield from sidecar_outbound(scope)
    proxy = http_proxy(scope)
    if proxy:
        listener, table = proxy
        yield listener, (table,)
    if scope.group.interception is not Interception.NONE:
        yield virtual_outbound(scope), ()


def _tables(served: Iterable[Served]) -> Iterable[ir.RouteTable]:
    """Yield each table once: two listeners may share one."""
    found = {table.name: table for each in served for table in each.tables}
    return found.values()
