"""Endpoints of other networks, which are reached through their gateways.

Source: pilot/pkg/xds/endpoints/ep_filters.go EndpointsByNetworkFilter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.translate.cluster.locality import Placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meltemi.pilot.model.network import NetworkGateway
    from meltemi.pilot.scope.scope import Scope


def through_gateways(found: Iterable[Placed], scope: Scope) -> Iterator[Placed]:
    """Yield ``found``; those of other networks by the gateways that lead there.

    A gateway tells services by the server name of mutual TLS: an endpoint without it
    cannot be reached there. Weights are scaled, so that gateways share them evenly.
    """
    gateways = scope.index.network_gateways
    if not gateways.all:
        yield from (each for each in found if each.endpoint.address)
        return
    scale = gateways.scale
    weights: dict[ir.Locality, Counter[NetworkGateway]] = {}
    for each in found:
        weight = each.endpoint.weight * scale
        every = _ways(each, scope)
        ways = tuple(way for way in every if _callable(way, scope))
        if _near(each, scope) or not every:
            if each.endpoint.address:
                yield replace(each, endpoint=replace(each.endpoint, weight=weight))
        elif each.endpoint.tls and ways:
            shares = weights.setdefault(each.place, Counter())
            for way in ways:
                shares[way] += weight // len(ways)
    for place, shares in weights.items():
        for way, weight in sorted(shares.items()):
            yield Placed(None, _gateway(way, weight), place)


def _near(each: Placed, scope: Scope) -> bool:
    """Tell whether an endpoint is in the proxy's network; an unknown one may be."""
    there = each.instance.network if each.instance else ""
    own = scope.group.node.network
    return not there or not own or there == own


def _ways(each: Placed, scope: Scope) -> tuple[NetworkGateway, ...]:
    if each.instance is None:
        return ()
    network, cluster = each.instance.network, each.instance.cluster
    return scope.index.network_gateways.of(network, cluster)


def _callable(way: NetworkGateway, scope: Scope) -> bool:
    return scope.group.ipv6 if ":" in way.address else scope.group.ipv4


def _gateway(way: NetworkGateway, weight: int) -> ir.Endpoint:
    return ir.Endpoint(
        address=way.address,
        port=way.port,
        tls=True,
        weight=weight,
        workload=f";;;;{way.cluster}",
    )
