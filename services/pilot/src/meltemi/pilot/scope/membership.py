"""What a WorkloadGroup says of the proxies that name it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.pilot.ir import Locality
from meltemi.pilot.model.mesh_config import over
from meltemi.pilot.model.service_entry import place
from meltemi.pilot.model.workload_group import group_labels, group_settings

if TYPE_CHECKING:
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.scope.proxy import ProxyClass


def member(index: Index, proxies: ProxyClass) -> ProxyClass:
    """Return ``proxies`` as they are known with their group; it says less than they.

    Labels and the place of a node, and its network, win over the group's. The group's
    settings go over what the proxies start with.
    """
    node = proxies.node
    group = index.workload_groups.get((proxies.namespace, node.group))
    if not node.group or group is None:
        return proxies
    settings = group_settings(group.spec)
    begun = node.proxy_config or index.config.proxy_defaults
    template = group.spec.template
    nowhere = proxies.locality == Locality()
    labels = {**group_labels(group.spec), **dict(proxies.labels)}
    return replace(
        proxies,
        labels=tuple(sorted(labels.items())),
        locality=place(template.locality) if nowhere else proxies.locality,
        node=replace(
            node,
            network=node.network or template.network or "",
            workload_name=node.workload_name or node.group,
            proxy_config=over(settings, begun) if settings else node.proxy_config,
        ),
    )
