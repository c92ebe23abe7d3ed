"""Which EnvoyFilters change what a class of proxies holds, in the order they do.

Source: pilot/pkg/model/push_context.go getMatchedEnvoyFilters and envoyfilter.go.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import msgspec
import re2

from meltemi.config.schema.envoy_filter import (
    ApplyTo,
    ConfigObjectMatch,
    Operation,
    PatchContext,
    RouteAction,
)
from meltemi.pilot.ir import patch as ir
from meltemi.pilot.ir.origin import Origin
from meltemi.pilot.model.service import selects
from meltemi.pilot.scope.policies import GATEWAY, GATEWAY_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.resource import Resource
    from meltemi.config.schema.envoy_filter import (
        ClusterMatch,
        ConfigPatch,
        EnvoyFilter,
        ListenerMatch,
        ProxyMatch,
        RouteConfigurationMatch,
    )
    from meltemi.pilot.scope.scope import Scope

ELSEWHERE: Final = (ApplyTo.INVALID, ApplyTo.BOOTSTRAP, ApplyTo.EXTENSION_CONFIG)
"""What is not among the resources Pilot makes."""


def patches(scope: Scope) -> tuple[ir.Patch, ...]:
    """Return the changes to what proxies of ``scope`` hold, in order.

    Those of the root namespace go first; within a namespace lower priorities, then
    older objects.
    """
    if not scope.index.envoy_filters:
        return ()
    root = scope.config.root_namespace
    homes = dict.fromkeys((root, scope.group.namespace))
    return tuple(
        patch
        for home in homes
        for each in sorted(
            (each for each in scope.index.envoy_filters if _holds(each, home, scope)),
            key=lambda each: each.spec.priority or 0,
        )
        for patch in _patches(each, scope)
    )


def _holds(each: Resource[EnvoyFilter], home: str, scope: Scope) -> bool:
    if each.metadata.namespace != home:
        return False
    labels, spec = scope.group.label_map, each.spec
    if spec.target_refs:
        wanted = (*GATEWAY, labels.get(GATEWAY_LABEL))
        return any((t.group, t.kind, t.name) == wanted for t in spec.target_refs)
    selector = spec.workload_selector
    return selector is None or selects(selector.labels, labels)


def _patches(each: Resource[EnvoyFilter], scope: Scope) -> Iterator[ir.Patch]:
    home = each.metadata
    for number, written in enumerate(each.spec.config_patches):
        match = written.match or ConfigObjectMatch()
        part = written.apply_to or ApplyTo.INVALID
        operation = written.patch.operation if written.patch else None
        if part in ELSEWHERE or operation in (None, Operation.INVALID):
            continue
        if match.context is PatchContext.WAYPOINT:
            continue
        if match.proxy and not _is_proxy(match.proxy, scope):
            continue
        path = f"spec.configPatches[{number}]"
        origin = Origin(each.kind, home.namespace, home.name, path)
        yield _patch(written, match, origin)


def _is_proxy(match: ProxyMatch, scope: Scope) -> bool:
    version = match.proxy_version
    if version and not re2.search(version, scope.group.node.istio_version):
        return False
    if not match.metadata:
        return True
    metadata = json.loads(scope.group.node.raw)
    return all(str(metadata.get(key)) == value for key, value in match.metadata.items())


def _patch(written: ConfigPatch, match: ConfigObjectMatch, origin: Origin) -> ir.Patch:
    change = written.patch
    operation = change.operation if change else None
    value = change.value if change else None
    return ir.Patch(
        part=ir.Part(str(written.apply_to)),
        change=ir.Change(str(operation)),
        context=ir.Context(str(match.context or PatchContext.ANY)),
        value=msgspec.json.encode(value).decode() if value else "",
        listener=_listener(match.listener),
        routes=_routes(match.route_configuration),
        cluster=_cluster(match.cluster),
        origin=origin,
    )


def _listener(match: ListenerMatch | None) -> ir.ListenerIs:
    if match is None:
        return ir.ListenerIs()
    chain = match.filter_chain
    inner = chain.filter if chain else None
    return ir.ListenerIs(
        name=match.name or "",
        port=match.port_number or 0,
        chain=(chain.name or "") if chain else "",
        server_name=(chain.sni or "") if chain else "",
        transport=(chain.transport_protocol or "") if chain else "",
        protocols=(
            tuple(each.strip() for each in chain.application_protocols.split(","))
            if chain and chain.application_protocols
            else ()
        ),
        destination_port=(chain.destination_port or 0) if chain else 0,
        filter=(inner.name or "") if inner else "",
        sub_filter=(
            (inner.sub_filter.name or "") if inner and inner.sub_filter else ""
        ),
        listener_filter=match.listener_filter or "",
    )


def _routes(match: RouteConfigurationMatch | None) -> ir.RoutesAre:
    if match is None:
        return ir.RoutesAre()
    host = match.vhost
    route = host.route if host else None
    action = route.action if route else None
    return ir.RoutesAre(
        name=match.name or "",
        port=match.port_number or 0,
        port_name=match.port_name or "",
        gateway=match.gateway or "",
        host=(host.name or "") if host else "",
        domain=(host.domain_name or "") if host else "",
        route=(route.name or "") if route else "",
        action="" if action in (None, RouteAction.ANY) else str(action),
    )


def _cluster(match: ClusterMatch | None) -> ir.ClusterIs:
    if match is None:
        return ir.ClusterIs()
    return ir.ClusterIs(
        name=match.name or "",
        port=match.port_number or 0,
        service=match.service or "",
        subset=match.subset or "",
    )
