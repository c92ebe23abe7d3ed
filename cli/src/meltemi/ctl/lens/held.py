"""What one proxy holds: before it is Envoy's, and in Envoy's messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.pilot.scope.scope import scope
from meltemi.pilot.snapshot import Snapshot, snapshot
from meltemi.pilot.trace import Resources, read
from meltemi.pilot.translate import resources as translation

if TYPE_CHECKING:
    from meltemi.pilot import ir
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.scope.proxy import ProxyClass


@dataclass(frozen=True, slots=True)
class Held:
    """The same resources three times.

    ``made`` knows where each part of them comes from, ``sent`` is the very bytes that
    Pilot sends, and ``envoy`` is what Envoy reads in them.
    """

    made: ir.Resources
    sent: Snapshot
    envoy: Resources


def held(index: Index, group: ProxyClass) -> Held:
    """Return what proxies of ``group`` hold in the mesh of ``index``."""
    made = translation.resources(scope(index, group))
    sent = snapshot(made, revision=index.revision)
    bodies = {
        kind: [each.body for each in found.values()]
        for kind, found in sent.resources.items()
    }
    return Held(made, sent, read(bodies))
