"""Plugins, put into what a proxy holds when that is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.traffic_selector import TrafficMode
from meltemi.pilot import ir
from meltemi.pilot.translate.cluster.client_tls import SYSTEM_ROOTS
from meltemi.pilot.translate.cluster.service import families
from meltemi.pilot.translate.plugin.plugins import Entry, hosts, placed, plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.translate.plugin.module import Host

ROOTS: Final = ir.Secret(f"file-root:{SYSTEM_ROOTS}", wait=True)


@dataclass(frozen=True, slots=True)
class Fitting:
    """The plugins of a class of proxies."""

    entries: tuple[Entry, ...]
    families: ir.Families

    def listener(self, made: ir.Listener) -> ir.Listener:
        """Return ``made`` with the plugins that see its traffic.

        Like Istio, a gateway counts as a client.
        """
        if not self.entries:
            return made
        side = (
            TrafficMode.SERVER
            if made.direction is ir.Direction.INBOUND
            else TrafficMode.CLIENT
        )
        chains = (*made.chains, *((made.default,) if made.default else ()))
        seen = dict.fromkeys(
            each.origin for chain in chains for each in self._of(chain, side)
        )
        return replace(
            made,
            chains=tuple(self._chain(each, side) for each in made.chains),
            default=self._chain(made.default, side) if made.default else None,
            origins=(*made.origins, *seen),
        )

    def _of(self, chain: ir.FilterChain, side: TrafficMode) -> Iterator[Entry]:
        if isinstance(chain.filter, ir.TcpFilter) and chain.filter.silent:
            return
        for each in self.entries:
            requests = isinstance(chain.filter, ir.HttpFilter)
            if each.sees(side, chain.ports) and (each.connections or requests):
                yield each

    def _chain(self, made: ir.FilterChain, side: TrafficMode) -> ir.FilterChain:
        found = list(self._of(made, side))
        connections = placed(each for each in found if each.connections)
        made = replace(made, plugins=connections)
        if not isinstance(made.filter, ir.HttpFilter):
            return made
        requests = placed(each for each in found if not each.connections)
        return replace(made, filter=replace(made.filter, plugins=requests))

    def clusters(self) -> Iterator[ir.Cluster]:
        """Yield the clusters that Envoy fetches modules through."""
        for host in hosts(self.entries):
            yield _cluster(host, self.families)


def fitting(scope: Scope) -> Fitting:
    """Return what is put into what the proxies of ``scope`` hold."""
    return Fitting(plugins(scope), families(scope))


def _cluster(host: Host, families: ir.Families) -> ir.Cluster:
    member = ir.Endpoint(host.name, host.port, tls=False)
    client: ir.Client = ir.PlainClient()
    if host.tls:
        client = ir.OriginateClient(sni=host.name, names=(host.name,), root=ROOTS)
    return ir.Cluster(
        name=host.cluster,
        discovery=ir.Discovery.STRICT_DNS,
        lookup=ir.Lookup(families=families),
        members=ir.LoadAssignment(
            host.cluster, (ir.LocalityEndpoints(ir.Locality(), (member,)),)
        ),
        client=client,
    )
