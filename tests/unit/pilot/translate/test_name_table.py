from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.pilot.model import kubernetes
from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.name_table import name_table
from meltemi.testkit.mesh import mesh
from meltemi.testkit.small_mesh import service, the
from meltemi.xds.name_table import Name, NamedPort

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REVIEWS = "reviews.default.svc.cluster.local"
MYSQL = NamedPort("tcp", "tcp", 3306)
STATIC = ", resolution: STATIC, endpoints: [{address: 10.0.1.1}]"


def table(
    text: str,
    *,
    namespace: str = "default",
    metadata: Mapping[str, object] | None = None,
    cluster: Sequence[Mapping[str, object]] = (),
) -> dict[str, Name]:
    """Return the names of a proxy at 10.0.0.9 whose agent answers for them."""
    node = f"sidecar~10.0.0.9~caller.{namespace}~{namespace}.svc.cluster.local"
    told = {"DNS_CAPTURE": "true", **(metadata or {})}
    more = kubernetes.services(
        cluster,
        cluster="here",
        domain_suffix="cluster.local",
        trust_domain="cluster.local",
    )
    arranged = index(mesh(text), MeshConfig(), tuple(more))
    return name_table(scope(arranged, proxy(node, told).group))


def headless(*endpoints: Mapping[str, object]) -> list[dict[str, object]]:
    """Return a headless service of Kubernetes, ``db.prod``."""
    metadata = {"name": "db", "namespace": "prod"}
    owned = {**metadata, "labels": {"kubernetes.io/service-name": "db"}}
    port = {"name": "tcp", "port": 3306}
    return [
        {
            "kind": "Service",
            "metadata": metadata,
            "spec": {"clusterIP": "None", "ports": [port]},
        },
        {
            "kind": "EndpointSlice",
            "metadata": owned,
            "ports": [port],
            "endpoints": list(endpoints),
        },
    ]


def test_a_service_without_an_address_has_the_one_the_mesh_gave_it() -> None:
    found = table(service("reviews"))[REVIEWS]
    (address,) = found.addresses
    assert address.startswith("240.240.")
    six = table(service("reviews"), metadata={"INSTANCE_IPS": "10.0.0.9,fd00::9"})
    assert six[REVIEWS].addresses == (address,), "where the proxy listens, no more"


def test_a_proxy_of_ipv6_is_told_addresses_of_ipv6() -> None:
    node = "sidecar~fd00::9~caller.default~default.svc.cluster.local"
    group = proxy(node, {"DNS_CAPTURE": "true"}).group
    made = name_table(scope(index(mesh(service("reviews")), MeshConfig()), group))
    assert made[REVIEWS].addresses[0].startswith("2001:2::f0f0:")


def test_a_proxy_whose_agent_does_not_answer_is_told_no_address_of_the_meshs() -> None:
    assert table(service("reviews"), metadata={"DNS_CAPTURE": "false"}) == {}


def test_a_service_of_the_meshs_domain_has_a_short_name() -> None:
    found = table(service("reviews"))[REVIEWS]
    assert (found.short, found.namespace) == ("reviews", "default")
    assert found.registry == "External"
    api = table(service("api.example.com"))["api.example.com"]
    assert (api.short, api.namespace) == ("", "")


def test_several_addresses_are_joined_and_ranges_are_none() -> None:
    wanted = "addresses: [10.1.0.1, 10.1.0.2, 10.2.0.0/16]"
    found = table(service("api.example.com", more=wanted + STATIC))
    assert found["api.example.com"].addresses == ("10.1.0.1", "10.1.0.2")


def test_a_wildcard_with_an_address_is_told_and_one_without_is_not() -> None:
    given = service("*.example.com", more="addresses: [10.1.0.1]" + STATIC)
    assert table(given)["*.example.com"].addresses == ("10.1.0.1",)
    assert table(service("*.example.com", more="resolution: NONE")) == {}


def test_what_is_private_to_another_namespace_has_no_name_here() -> None:
    private = service("reviews", more="exportTo: ['.']" + STATIC)
    assert table(private, namespace="prod") == {}
    assert REVIEWS in table(private)


def test_a_sidecar_leaves_out_what_it_does_not_list() -> None:
    own = the("Sidecar", "own", f"egress: [{{hosts: ['default/{REVIEWS}']}}]")
    both = service("reviews") + service("ratings")
    assert list(table(both + own)) == [REVIEWS]


def test_a_headless_service_is_its_endpoints_and_each_member_has_a_name() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "db-0", "namespace": "prod"}}
    pod |= {
        "spec": {"hostname": "db-0", "subdomain": "db"},
        "status": {"podIP": "10.9.0.1"},
    }
    found = table(
        "",
        cluster=[
            pod,
            *headless(
                {"addresses": ["10.9.0.1"]},
                {"addresses": ["10.9.0.2"]},
                {"addresses": ["10.9.0.3"], "conditions": {"ready": False}},
            ),
        ],
    )
    assert found == {
        "db.prod.svc.cluster.local": Name(
            ("10.9.0.1", "10.9.0.2"), "Kubernetes", "db", "prod", (MYSQL,)
        ),
        "db-0.db.prod.svc.cluster.local": Name(
            ("10.9.0.1",), "Kubernetes", "db-0.db", "prod"
        ),
    }


def test_a_headless_service_without_endpoints_has_no_name() -> None:
    assert table("", cluster=headless()) == {}


@pytest.mark.parametrize("first", ["entry", "cluster"])
def test_kubernetes_own_service_stands_alone_whoever_is_older(first: str) -> None:
    entry = service(
        "db", "3306 tcp TCP", more="addresses: [10.1.0.1]" + STATIC, namespace="prod"
    )
    documents = headless({"addresses": ["10.9.0.1"]})
    created = "2020-01-01T00:00:00Z" if first == "cluster" else "2030-01-01T00:00:00Z"
    metadata = {"name": "db", "namespace": "prod", "creationTimestamp": created}
    documents[0] |= {"metadata": metadata}
    found = table(entry, cluster=documents)["db.prod.svc.cluster.local"]
    assert found == Name(("10.9.0.1",), "Kubernetes", "db", "prod", (MYSQL,))


def test_ports_are_told_by_name_as_clients_connect_to_them() -> None:
    text = service("api.example.com", "443 Https HTTPS", "53 dns UDP")
    found = table(text.replace("number: 443", "targetPort: 8443, number: 443"))
    assert found["api.example.com"].ports == (
        NamedPort("https", "tcp", 443),
        NamedPort("dns", "udp", 53),
    )


def test_endpoints_that_clients_reach_themselves_are_told_by_their_own_ports() -> None:
    documents = headless({"addresses": ["10.9.0.1"]})
    documents[0]["spec"] = {
        "clusterIP": "None",
        "ports": [{"name": "tcp", "port": 3306, "targetPort": 3307}],
    }
    found = table("", cluster=documents)["db.prod.svc.cluster.local"]
    assert found.ports == (NamedPort("tcp", "tcp", 3307),)


def test_what_is_looked_up_by_others_is_left_to_them() -> None:
    opted_out = service("api.example.com", more="resolution: DNS").replace(
        "namespace: default",
        "namespace: default, "
        'labels: {networking.istio.io/enable-autoallocate-ip: "false"}',
    )
    assert table(opted_out) == {}
