"""All that one class of proxies is to hold, before it is Envoy's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.cluster import Cluster
    from meltemi.pilot.ir.endpoint import LoadAssignment
    from meltemi.pilot.ir.listener import Listener
    from meltemi.pilot.ir.patch import Patch
    from meltemi.pilot.ir.plugin import Extension
    from meltemi.pilot.ir.route import RouteTable
    from meltemi.pilot.ir.tls import ServedSecret


@dataclass(frozen=True, slots=True)
class Resources:
    """Clusters, their endpoints, listeners and so on; names are unique.

    Attributes:
        extensions: Filters whose configuration travels apart from the listeners.
        patches: A person's own changes, to be made to Envoy's messages, in order.
        gateway: Whether the proxies are gateways: patches tell them apart.
        hosts_apart: Whether the virtual hosts of the routes travel by themselves.

    """

    clusters: tuple[Cluster, ...] = ()
    assignments: tuple[LoadAssignment, ...] = ()
    listeners: tuple[Listener, ...] = ()
    routes: tuple[RouteTable, ...] = ()
    secrets: tuple[ServedSecret, ...] = ()
    extensions: tuple[Extension, ...] = ()
    patches: tuple[Patch, ...] = ()
    gateway: bool = False
    hosts_apart: bool = False
