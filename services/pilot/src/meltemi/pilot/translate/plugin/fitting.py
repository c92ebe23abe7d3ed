"""Plugins, put into what a proxy holds when that is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meltemi.config.schema.traffic_selector import TrafficMode
from meltemi.pilot import ir
from meltemi.pilot.translate.plugin.plugins import Entry, apart, placed, plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.scope.scope import Scope


@dataclass(frozen=True, slots=True)
class Fitting:
    """The plugins of a class of proxies."""

    entries: tuple[Entry, ...]

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

    def extensions(self) -> Iterator[ir.Extension]:
        """Yield what travels apart: the agent puts a module in before Envoy sees it."""
        yield from apart(self.entries)


def fitting(scope: Scope) -> Fitting:
    """Return what is put into what the proxies of ``scope`` hold."""
    return Fitting(plugins(scope))
