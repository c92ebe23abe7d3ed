"""The services that injected workloads make up, as objects for Galley. Pure.

Each service of a file is one of the mesh, by its name. Where several say the same label
``app`` (``reviews-v1``, ``reviews-v2``), they are one more together, by that. Each
further name of a service is one more: by two hosts of one TCP port could not be told
which was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.injector.vocabulary import WORKLOAD_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from meltemi.injector.sidecar import Sidecar
    from meltemi.injector.workload import Port

APP: Final = "app"


def service_entries(
    sidecars: Iterable[Sidecar], suffix: str
) -> Iterator[Mapping[str, object]]:
    """Yield a ServiceEntry for each service that ``sidecars`` serve ports of.

    ``suffix`` is what hosts of the mesh end with, as its trust domain.
    """
    together: dict[str, list[Sidecar]] = {}
    alone: dict[str, Sidecar] = {}
    for each in sidecars:
        app = each.labels.get(APP, each.workload.name)
        together.setdefault(app, []).append(each)
        if app != each.workload.name:
            alone[each.workload.name] = each
    for name, some in together.items():
        yield from _entry(name, {APP: name}, some, suffix)
    for name, one in alone.items():
        if name not in together:
            yield from _entry(name, {WORKLOAD_NAME: name}, [one], suffix)
    for one in (each for some in together.values() for each in some):
        for name in one.workload.names:
            if name not in together and name not in alone:
                labels = {WORKLOAD_NAME: one.workload.name}
                yield from _entry(name, labels, [one], suffix)


def _entry(
    name: str, labels: Mapping[str, str], sidecars: Sequence[Sidecar], suffix: str
) -> Iterator[Mapping[str, object]]:
    ports: dict[int, Port] = {}
    for each in sidecars:
        for port in each.workload.ports:
            ports.setdefault(port.number, port)
    if not ports:
        return
    namespace = sidecars[0].workload.namespace
    yield {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "hosts": [name if "." in name else f"{name}.{namespace}.svc.{suffix}"],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": [
                {
                    "number": each.number,
                    "name": each.name,
                    "protocol": each.protocol,
                }
                for each in ports.values()
            ],
            "workloadSelector": {"labels": dict(labels)},
        },
    }
