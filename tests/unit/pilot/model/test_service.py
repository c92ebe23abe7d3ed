from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.ir import Locality
from meltemi.pilot.model.described import described
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.model.protocol import Protocol
from meltemi.testkit.mesh import indexed, mesh

if TYPE_CHECKING:
    from meltemi.pilot.model.service import Service


def only(text: str) -> Service:
    (service,) = described(mesh(text), MeshConfig()).services
    return service


SELECTING = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews}
    spec:
      hosts: [reviews.default.svc.cluster.local]
      location: MESH_INTERNAL
      resolution: STATIC
      ports: [{number: 9080, name: http, protocol: http, targetPort: 8080}]
      workloadSelector: {labels: {app: reviews}}
    """


def test_a_service_answers_through_the_workloads_it_selects() -> None:
    service = only(
        SELECTING
        + """
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: {name: v1, labels: {version: v1}}
    spec:
      address: 10.0.0.1
      ports: {http: 21100}
      labels: {app: reviews, version: old}
      locality: eu/a
      serviceAccount: bookinfo-reviews
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: {name: other}
    spec: {address: 10.0.0.2, labels: {app: ratings}}
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: {name: elsewhere, namespace: prod}
    spec: {address: 10.0.0.3, labels: {app: reviews}}
    """
    )
    (instance,) = service.instances
    assert instance.address == "10.0.0.1"
    assert instance.labels["version"] == "v1", "labels of the object win"
    assert instance.locality == Locality("eu", "a", "")
    assert instance.tls, "a service account means that it speaks mutual TLS"
    (port,) = service.ports
    assert port.protocol is Protocol.HTTP
    assert (instance.port_name, instance.port) == ("http", 21100)
    assert instance.service_account == (
        "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
    )


def test_an_instance_listens_on_the_target_port_unless_it_says_otherwise() -> None:
    service = only(
        SELECTING.replace(
            "workloadSelector: {labels: {app: reviews}}",
            "endpoints: [{address: 10.0.0.1}, {address: 'unix:///run/app.sock'}]",
        )
    )
    assert [each.port for each in service.instances] == [8080, 0]
    assert not any(each.tls for each in service.instances)


def test_a_dns_service_without_endpoints_is_its_own_endpoint() -> None:
    service = only(
        """
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: api}
        spec:
          hosts: [api.example.com]
          resolution: DNS
          ports: [{number: 443, name: https, protocol: TLS}]
        """
    )
    assert [each.address for each in service.instances] == ["api.example.com"]
    assert service.external, "outside of the mesh unless it says otherwise"
    assert service.ports[0].protocol is Protocol.TLS


def test_the_oldest_entry_of_a_namespace_has_the_host() -> None:
    younger = SELECTING.replace("name: reviews}", "name: also-reviews}").replace(
        "9080", "9999"
    )
    found = indexed(f"{SELECTING}\n    ---\n{younger}").services
    held = found.by_host["reviews.default.svc.cluster.local"]["default"]
    assert [port.number for port in held.ports] == [9080]
