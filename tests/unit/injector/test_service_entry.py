from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meltemi.config.decode import decode
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.injector.service_entry import service_entries
from meltemi.injector.sidecar import Defaults, Sidecar, sidecar_of
from meltemi.injector.workload import Port, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping


def serving(name: str, app: str, *ports: Port) -> Sidecar:
    return sidecar_of(
        Workload(name, "shop", name, {"app": app}, {}, ports), Defaults()
    )[0]


HTTP = Port(80, "http-80")


def entries(*sidecars: Sidecar) -> list[ServiceEntry]:
    found: list[ServiceEntry] = []
    for each in service_entries(sidecars, "mesh"):
        data = json.dumps(each).encode()
        (resource,) = decode(data, file="f", default_namespace="default")
        assert isinstance(resource.spec, ServiceEntry)
        found.append(resource.spec)
    return found


def made(*sidecars: Sidecar) -> dict[str, Mapping[str, str]]:
    """Return which labels each host selects."""
    return {
        each.hosts[0]: each.workload_selector.labels
        for each in entries(*sidecars)
        if each.workload_selector
    }


def test_a_service_is_a_host_of_its_namespace_that_galley_takes() -> None:
    (entry,) = entries(serving("web", "web", HTTP))
    assert entry.hosts == ("web.shop.svc.mesh",)
    assert [(each.number, each.name, each.protocol) for each in entry.ports] == [
        (80, "http-80", "HTTP")
    ]


def test_versions_of_one_app_are_a_service_together_and_each_alone() -> None:
    assert made(serving("r1", "r", HTTP), serving("r2", "r", HTTP)) == {
        "r.shop.svc.mesh": {"app": "r"},
        "r1.shop.svc.mesh": {"service.istio.io/workload-name": "r1"},
        "r2.shop.svc.mesh": {"service.istio.io/workload-name": "r2"},
    }


def test_an_app_has_the_ports_of_all_and_who_serves_none_is_no_service() -> None:
    both = serving("a", "x", HTTP), serving("b", "x", Port(81, "grpc"), HTTP)
    assert [each.number for each in entries(*both)[0].ports] == [80, 81]
    assert made(serving("job", "job")) == {}
