"""Who answers: the endpoints of a service's port, and of a subset of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.peer_authentication import MutualTLSMode
from meltemi.pilot import ir
from meltemi.pilot.model.service import selects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from meltemi.pilot.model.service import Instance, Port, Service

    Mode = Callable[[Instance, Port], MutualTLSMode]

CLUSTER_ID = "Kubernetes"
"""Istio's name for the only cluster there is; tools expect it in workload metadata."""


def chosen(
    instances: Sequence[Instance], labels: Mapping[str, str]
) -> tuple[Instance, ...]:
    """Return the instances that carry all of ``labels``."""
    return tuple(each for each in instances if selects(labels, each.labels))


def assignment(
    cluster: str,
    service: Service,
    port: Port,
    *,
    labels: Mapping[str, str],
    mode: Mode,
) -> ir.LoadAssignment:
    """Return the endpoints of ``cluster``, by place.

    Args:
        cluster: Its name.
        service: The service it reaches.
        port: The service's port.
        labels: The subset's; empty for all instances.
        mode: What PeerAuthentication says about an instance.

    """
    places: dict[ir.Locality, list[ir.Endpoint]] = {}
    for instance in chosen(service.of(port), labels):
        secure = instance.tls and mode(instance, port) is not MutualTLSMode.DISABLE
        places.setdefault(instance.locality, []).append(
            ir.Endpoint(
                address=instance.address,
                port=instance.port,
                tls=secure,
                weight=instance.weight or 1,
                workload=_workload(instance),
            )
        )
    return ir.LoadAssignment(
        cluster=cluster,
        localities=tuple(
            ir.LocalityEndpoints(
                place, tuple(sorted(places[place], key=lambda e: (e.address, e.port)))
            )
            for place in sorted(places, key=lambda p: (p.region, p.zone, p.subzone))
        ),
        origins=(service.origin,),
    )


def _workload(instance: Instance) -> str:
    """Return Istio's ``name;namespace;canonical-name;canonical-revision;cluster``."""
    labels = instance.labels
    app = labels.get("service.istio.io/canonical-name") or labels.get("app", "")
    version = labels.get("service.istio.io/canonical-revision") or labels.get(
        "version", "latest"
    )
    name, namespace = instance.name, instance.namespace
    return f"{name};{namespace};{app or name};{version};{CLUSTER_ID}"
