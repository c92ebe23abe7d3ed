"""Pitfalls 47 to 55 of Istio's meaning: services, and what stands behind them.

Of these two are about pushing rather than about what is pushed:

51 (no full push when a service loses its last endpoint) and 52 (a new service account
is pushed with its clusters): a push is the difference of two snapshots by the hash of
each resource, so what a change touches is all that is sent
(``tests/unit/xds/test_session.py``). Here it is shown which resources differ.
"""

from __future__ import annotations

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from meltemi.testkit.small_mesh import (
    TCP,
    ask,
    cluster,
    listener,
    managed,
    names,
    opened,
    refused,
    service,
    sidecar,
    snapshot,
    the,
)
from meltemi.xds.types import TypeUrl

NAME = "outbound|80||a.default.svc.cluster.local"
DNS = "resolution: DNS"
SELECTING = "resolution: STATIC, workloadSelector: {labels: {app: a}}"


def workload(spec: str = "address: 10.0.1.1", name: str = "one") -> str:
    return the("WorkloadEntry", name, f"{spec}, labels: {{app: a}}")


def addresses(text: str, name: str = NAME) -> list[str]:
    """Return where the endpoints of a cluster are, by EDS."""
    members = opened(snapshot(text)).assignments[name]
    return [
        f"{found.address}:{found.port_value}"
        for place in members.endpoints
        for each in place.lb_endpoints
        for found in (each.endpoint.address.socket_address,)
    ]


def changed(before: str, after: str) -> set[str]:
    """Return the types of what differs for one proxy."""
    old, new = snapshot(before).versions, snapshot(after).versions
    return {kind.short for kind in TypeUrl if old[kind] != new[kind]}


def test_47_of_two_entries_for_a_host_the_oldest_decides_how_it_resolves() -> None:
    static = service("a", "80 http HTTP")
    dns = the(
        "ServiceEntry",
        "younger",
        "hosts: [a.default.svc.cluster.local], location: MESH_INTERNAL, resolution: DNS,"
        " ports: [{number: 90, name: other, protocol: HTTP}]",
    )
    held = sidecar(static + dns)
    assert cluster(held, "a").type == Cluster.EDS
    assert addresses(static + dns) == ["10.0.1.1:80"], "the two are not mixed"
    assert NAME.replace("|80|", "|90|") not in held.clusters


def test_48_names_resolve_by_themselves_and_wildcards_not_at_all() -> None:
    made = cluster(sidecar(service("a.com", more=DNS)), "a.com")
    assert made.cluster_type.name == "envoy.cluster.dns"
    (place,) = made.load_assignment.endpoints
    found = place.lb_endpoints[0].endpoint.address.socket_address
    assert (found.address, found.port_value) == ("a.com", 80)
    assert refused(service("*.a.com", more=DNS))


def test_49_byte_streams_need_addresses_to_be_told_apart() -> None:
    static = ", resolution: STATIC, endpoints: [{address: 10.0.1.1}]"
    apart = sidecar(
        service("a", TCP, more="addresses: [10.1.0.1]" + static)
        + service("b", TCP, more="addresses: [10.1.0.2]" + static)
    )
    assert names(ask(apart, "b/", address="10.1.0.2")) == [NAME.replace("|a.", "|b.")]
    together = service("a", TCP) + service("b", TCP)
    collapsed = sidecar(together)
    assert names(ask(collapsed, "b/")) == [NAME], "whoever is meant"
    told = sidecar(together, metadata={"DNS_CAPTURE": "true"})
    bound = {
        each.address.socket_address.address
        for each in told.listeners
        if each.address.socket_address.port_value == 80
    }
    assert len(bound) == 2, "each has an address that names resolve to"


def test_50_no_endpoints_are_an_empty_assignment_and_no_cluster_of_names() -> None:
    empty = sidecar(service("a", more=SELECTING))
    assert cluster(empty, "a").type == Cluster.EDS
    assert not empty.assignments[NAME].endpoints
    named = service("a.com", more=f"{DNS}, workloadSelector: {{labels: {{app: a}}}}")
    clusters = sidecar(named).clusters
    assert "outbound|80||a.com" not in clusters


def test_51_the_last_endpoint_that_goes_or_comes_changes_endpoints_only() -> None:
    none = service("a", more=SELECTING)
    assert changed(none, none + workload()) == {"eds"}


def test_52_another_service_account_changes_the_clusters_that_expect_it() -> None:
    base = service("a", more=SELECTING)
    first = base + workload("address: 10.0.1.1, serviceAccount: first")
    second = base + workload("address: 10.0.1.1, serviceAccount: second")
    assert "cds" in changed(first, second)
    assert b"ns/default/sa/second" in cluster(sidecar(second), "a").SerializeToString()


def test_53_endpoints_know_a_port_by_its_name() -> None:
    ported = workload("address: 10.0.1.1, ports: {http: 8080}")
    assert addresses(service("a", more=SELECTING) + ported) == ["10.0.1.1:8080"]
    renamed = service("a", "80 web HTTP", more=SELECTING)
    assert addresses(renamed + ported) == ["10.0.1.1:80"]


def test_54_applications_are_called_at_their_address_unless_loopback_is_asked_for() -> (
    None
):
    mesh = service("a", more=SELECTING) + workload()
    labels = {"app": "a"}
    made = sidecar(mesh, address="10.0.1.1", labels=labels).clusters["inbound|80||"]
    assert made.type == Cluster.ORIGINAL_DST
    assert made.upstream_bind_config.source_address.address == "127.0.0.6"
    local = the(
        "Sidecar",
        "own",
        "ingress: [{port: {number: 80, name: http, protocol: HTTP}, defaultEndpoint: '127.0.0.1:80'}]",
    )
    held = sidecar(mesh + local, address="10.0.1.1", labels=labels)
    (place,) = held.clusters["inbound|80||"].load_assignment.endpoints
    found = place.lb_endpoints[0].endpoint.address.socket_address
    assert found.address == "127.0.0.1"


def test_55_of_two_services_on_one_port_of_a_workload_the_oldest_says_what_it_speaks() -> (
    None
):
    def arriving(*protocols: str) -> bool:
        """Tell whether what comes to the workload is taken for HTTP."""
        mesh = "".join(
            service(name, f"80 p {protocol}", more=SELECTING)
            for name, protocol in zip("ab", protocols, strict=True)
        )
        held = sidecar(mesh + workload(), address="10.0.1.1", labels={"app": "a"})
        own = [
            each
            for each in listener(held, "virtualInbound").filter_chains
            if each.filter_chain_match.destination_port.value == 80
        ]
        assert own
        return all(managed(each) for each in own)

    assert arriving("HTTP", "TCP")
    assert not arriving("TCP", "HTTP")
