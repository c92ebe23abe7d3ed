"""Who answers: the endpoints of a service's port, and of a subset of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.config.schema.peer_authentication import MutualTLSMode
from meltemi.pilot import ir
from meltemi.pilot.model.service import selects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.schema.traffic_policy import TrafficPolicy
    from meltemi.pilot.model.service import Instance, Port, Service
    from meltemi.pilot.scope.scope import Scope


@dataclass(frozen=True, slots=True)
class Chosen:
    """The endpoints that are asked for: a port's, or those with some labels."""

    service: Service
    port: Port
    labels: Mapping[str, str]

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The endpoints, in the service's order."""
        return tuple(
            each
            for each in self.service.of(self.port)
            if selects(self.labels, each.labels)
        )


def assignment(
    cluster: str, chosen: Chosen, policy: TrafficPolicy, scope: Scope
) -> ir.LoadAssignment:
    """Return the endpoints of ``cluster`` for the proxies of ``scope``, by place.

    ``policy`` is what holds for the cluster: it may prefer places.
    """
    del policy
    places: dict[ir.Locality, list[ir.Endpoint]] = {}
    for instance in chosen.instances:
        if not instance.addresses:
            continue
        mode = scope.instance_mode(instance, chosen.port)
        secure = bool(instance.tls) and mode is not MutualTLSMode.DISABLE
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
        origins=(chosen.service.origin,),
    )


def _workload(instance: Instance) -> str:
    """Return Istio's ``name;namespace;canonical-name;canonical-revision;cluster``."""
    labels = instance.labels
    app = (
        labels.get("service.istio.io/canonical-name")
        or labels.get("app.kubernetes.io/name")
        or labels.get("app")
        or instance.name
    )
    version = (
        labels.get("service.istio.io/canonical-revision")
        or labels.get("app.kubernetes.io/version")
        or labels.get("version")
        or ("latest" if app else "")
    )
    return f"{instance.name};{instance.namespace};{app};{version};{instance.cluster}"
