"""The workloads of a mesh: those that services select, and those that only call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.pilot.model.service import Instance
from meltemi.pilot.model.service_entry import identity, place, workload_labels
from meltemi.pilot.model.workload_group import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.ctl.lens.world import World


def workloads(world: World) -> Iterator[Instance]:
    """Yield every endpoint that is a workload with a name, then those without."""
    named: set[tuple[str, str]] = set()
    for service in world.index.services.all:
        for each in service.instances:
            if each.name:
                named.add((each.namespace, each.name))
                yield each
    for each in (*_entries(world), *_pods(world)):
        if (each.namespace, each.name) not in named and each.addresses:
            yield each


def _entries(world: World) -> Iterator[Instance]:
    index = world.index
    for each in joined(world.mesh.of(WorkloadEntry), index.workload_groups):
        yield _of_entry(each, index.config.trust_domain)


def _of_entry(entry: Resource[WorkloadEntry], trust_domain: str) -> Instance:
    spec, metadata = entry.spec, entry.metadata
    return Instance(
        addresses=(spec.address,) if spec.address else (),
        port=0,
        port_name="",
        name=metadata.name,
        namespace=metadata.namespace,
        labels=workload_labels(entry),
        locality=place(spec.locality),
        network=spec.network or "",
        service_account=identity(spec, metadata.namespace, trust_domain),
    )


def _pods(world: World) -> Iterator[Instance]:
    for each in world.cluster:
        if each.get("kind") == "Pod":
            yield _of_pod(each)


def _of_pod(pod: Mapping[str, Any]) -> Instance:
    metadata = pod["metadata"]
    address = str((pod.get("status") or {}).get("podIP") or "")
    return Instance(
        addresses=(address,) if address else (),
        port=0,
        port_name="",
        name=str(metadata.get("name", "")),
        namespace=str(metadata["namespace"]),
        labels=dict(metadata.get("labels") or {}),
        service_account=str((pod.get("spec") or {}).get("serviceAccountName") or ""),
    )
