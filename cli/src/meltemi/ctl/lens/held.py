"""What one proxy holds: before it is Envoy's, and in Envoy's messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.pilot import emit
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.trace import Resources, resources
from meltemi.pilot.translate import resources as translation

if TYPE_CHECKING:
    from meltemi.pilot import ir
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.scope.proxy import ProxyClass


@dataclass(frozen=True, slots=True)
class Held:
    """The same resources twice: ``made`` knows where they come from."""

    made: ir.Resources
    envoy: Resources


def held(index: Index, group: ProxyClass) -> Held:
    """Return what proxies of ``group`` hold in the mesh of ``index``."""
    made = translation.resources(scope(index, group))
    envoy = resources(
        [emit.listener(each) for each in made.listeners],
        [emit.route_table(each) for each in made.routes],
        [emit.cluster(each) for each in made.clusters],
        [emit.assignment(each) for each in made.assignments],
    )
    return Held(made, envoy)
