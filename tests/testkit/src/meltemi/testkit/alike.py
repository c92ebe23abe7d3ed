"""Proxies that are alike but for something, a mesh that tells them apart, and theirs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from meltemi.kernel.clock import SystemClock
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.push import Snapshots
from meltemi.pilot.scope.node import Interception
from meltemi.pilot.scope.proxy import ProxyClass, proxy
from meltemi.testkit.mesh import resources
from meltemi.testkit.small_mesh import service, the
from meltemi.testkit.translation import CLASSES

if TYPE_CHECKING:
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.snapshot import Snapshot

MESH = resources(
    service("reviews", "80 http HTTP", "9000 tcp TCP")
    + service("ratings", "80 http HTTP", namespace="prod")
    + service("details", "80 http HTTP", namespace="prod")
    + the(
        "Telemetry",
        "told",
        "metrics: [{providers: [{name: prometheus}]}], tracing: [{}]",
        "istio-system",
    )
    + the(
        "VirtualService",
        "by-label",
        "hosts: [reviews.default.svc.cluster.local], http: ["
        "{match: [{sourceLabels: {app: ratings}}], directResponse: {status: 418}}, "
        "{route: [{destination: {host: reviews}}]}]",
    )
)


def some_proxies() -> list[ProxyClass]:
    """Return proxies that differ in one thing, and in several."""
    made = [
        proxy(
            f"sidecar~10.1.0.{number}~a{number}.{home}~{home}.svc.cluster.local",
            {
                "LABELS": {"app": app, "version": version, "other": f"{number}"},
                "NAMESPACE": home,
                "WORKLOAD_NAME": "shop",
                "ISTIO_VERSION": "1.29.6",
            },
        ).group
        for number, (home, app, version) in enumerate(
            product(("default", "prod"), ("reviews", "ratings"), ("v1", "v2"))
        )
    ]
    first = made[0]
    made += [
        replace(first, interception=Interception.TPROXY),
        replace(first, addresses=("fd00::1", "10.1.0.1")),
        replace(first, addresses=()),
        replace(first, node=replace(first.node, network="north", cluster="c2")),
        replace(first, node=replace(first.node, http10=True, idle_timeout="5s")),
    ]
    made += [*CLASSES.values()]
    few = (made[0], made[5], *CLASSES.values())
    return [*made, *(replace(each, hosts_apart=True) for each in few)]


def snapshots(mesh: Latest[Mesh]) -> Snapshots:
    return Snapshots(mesh, MeshConfig(), SystemClock(), Metrics())


def bodies(made: Snapshot | None) -> object:
    assert made is not None
    return {
        kind.short: {name: each.body for name, each in sorted(named.items())}
        for kind, named in made.resources.items()
    }


def origins(made: Snapshot | None) -> object:
    """Return whose each resource is, whatever the order."""
    assert made is not None
    return {
        (kind, name): frozenset(made.origins(kind, name, each.version))
        for kind, named in made.resources.items()
        for name, each in named.items()
    }
