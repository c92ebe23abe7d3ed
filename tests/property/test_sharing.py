"""What is made once for many proxies is what each would have been given alone."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from meltemi.identity.tls_secret import TlsSecret
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.latest import Latest
from meltemi.pilot.model.secret_store import SecretStore
from meltemi.pilot.scope.proxy import ProxyClass
from meltemi.pilot.snapshot import following
from meltemi.testkit.alike import MESH, bodies, origins, snapshots, some_proxies
from meltemi.testkit.mesh import resources
from meltemi.testkit.mesh_grower import grow_kinds, grow_mesh
from meltemi.testkit.small_mesh import service, the
from meltemi.testkit.translation import CLASSES, holding, translated
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from meltemi.pilot.snapshot import Snapshot

COLLIDING = resources(
    service("details.prod")
    + the(
        "ServiceEntry",
        "bare",
        "hosts: [ratings], ports: [{number: 80, name: http, "
        "protocol: HTTP}], resolution: STATIC, endpoints: [{address: 10.0.1.9}]",
    )
)
"""Hosts that are short for others: who came first has the name."""
SEEDS = range(12)
EDITS = 40
CHANGED = (
    *("VirtualService",) * 5,
    *("DestinationRule",) * 4,
    *("ServiceEntry", "WorkloadEntry", "Sidecar", "PeerAuthentication") * 2,
    *("AuthorizationPolicy", "RequestAuthentication", "Telemetry", "WasmPlugin"),
    *("Gateway", "EnvoyFilter", "EnvoyFilter"),
)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_proxy_is_given_what_it_would_be_given_alone(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - a test that repeats itself
    grown = grow_mesh(rng, 14) if seed % 3 == 0 else grow_kinds(rng, CHANGED)
    mesh = holding((*MESH, *grown))
    shared = snapshots(Latest(mesh))
    for group in some_proxies():
        made, wanted = shared.of(group), translated(mesh, group)
        assert bodies(made) == bodies(wanted), group
        assert origins(made) == origins(wanted), group


def test_names_that_collide_are_given_as_they_would_be_alone() -> None:
    for objects in ((*MESH, *COLLIDING), (*COLLIDING, *MESH)):
        aged = holding(objects)
        shared = snapshots(Latest(aged))
        for group in some_proxies():
            assert bodies(shared.of(group)) == bodies(translated(aged, group)), group


def test_edits_lead_to_what_there_would_be_without_them() -> None:
    rng = Random(3)  # noqa: S311 - a test that repeats itself
    pool = grow_kinds(rng, CHANGED * 3)
    mesh = holding(MESH)
    cell = Latest(mesh)
    shared, alone = snapshots(cell), dict[ProxyClass, "Snapshot"]()
    for number in range(EDITS):
        each = rng.choice(pool)
        mesh = mesh.drop(each.key) if rng.random() < 0.3 else mesh.put(each)
        mesh = mesh.at(Epoch("cafe"), Revision(10 + number))
        cell.set(mesh)
        for group in some_proxies():
            made, wanted = shared.of(group), translated(mesh, group)
            if group in alone:
                wanted = following(alone[group], wanted).made
            alone[group] = wanted
            assert bodies(made) == bodies(wanted)
            assert origins(made) == origins(wanted)
            assert made is not None
            assert retired(made) == retired(wanted)


def retired(made: Snapshot) -> object:
    return {
        kind: {
            name: [each.body for each in before.values()]
            for name, before in named.items()
            if before
        }
        for kind, named in made.retired.items()
        if any(named.values())
    }


EDGE = resources(
    "".join(
        service(f"{name}.prod", "443 https TLS", "80 http HTTP")
        for name in ("one", "two", "three", "four")
    )
    + the(
        "Gateway",
        "edge",
        "selector: {app: reviews}, servers: ["
        "{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example], "
        "tls: {mode: MUTUAL, credentialName: web}}, "
        "{port: {number: 15443, name: tls, protocol: TLS}, hosts: ['*.prod'], "
        "tls: {mode: AUTO_PASSTHROUGH}}]",
        "istio-system",
    )
    + "".join(
        the("DestinationRule", host, f"host: {host}.prod, {policy}", "istio-system")
        for host, policy in {
            "one": "trafficPolicy: {tls: {mode: MUTUAL, credentialName: one}}",
            "two": "trafficPolicy: {portLevelSettings: [{port: {number: 80}, "
            "tls: {mode: SIMPLE, credentialName: two}}]}",
            "three": "subsets: [{name: v1, labels: {version: v1}, "
            "trafficPolicy: {tls: {mode: SIMPLE, credentialName: three}}}]",
            "four": "trafficPolicy: {tls: {mode: SIMPLE}}",
        }.items()
    )
)


def test_a_gateway_is_given_what_it_would_be_given_alone_and_every_secret() -> None:
    kept = {
        ("istio-system", name): TlsSecret("CHAIN", "KEY", "ROOTS")
        for name in ("web", "one", "two", "three", "four")
    }
    mesh = replace(holding(EDGE), secrets=SecretStore(Revision(1), kept))
    shared = snapshots(Latest(mesh))
    gateway = CLASSES["gateway"]
    made = shared.of(gateway)
    assert bodies(made) == bodies(translated(mesh, gateway))
    assert origins(made) == origins(translated(mesh, gateway))
    assert made is not None
    served = {name.partition("://")[2] for name in made.resources[TypeUrl.SECRET]}
    assert served >= {"web", "web-cacert", "one", "two-cacert", "three-cacert"}
    assert not [name for name in served if "four" in name]
    assert [name for name in made.resources[TypeUrl.CLUSTER] if "outbound_." in name]


def test_of_a_gateway_only_what_an_edit_reaches_is_made_again() -> None:
    cell = Latest(holding((*MESH, *EDGE)))
    shared, gateway = snapshots(cell), CLASSES["gateway"]
    before = shared.of(gateway)
    entry = resources(service("reviews", "80 http HTTP", "9001 tcp TCP"))[0]
    cell.set(cell.value.put(entry).at(Epoch("cafe"), Revision(11)))
    after = shared.of(gateway)
    assert before is not None
    assert after is not None
    again = {
        name
        for name, each in after.resources[TypeUrl.CLUSTER].items()
        if before.resources[TypeUrl.CLUSTER].get(name) is not each
    }
    assert again
    assert all("reviews" in name or "outbound_." in name for name in again)


BY_HAND = resources(
    the(
        "EnvoyFilter",
        "everywhere",
        "configPatches: ["
        "{applyTo: CLUSTER, match: {context: SIDECAR_OUTBOUND}, "
        "patch: {operation: MERGE, value: {connectTimeout: 7s}}}, "
        "{applyTo: CLUSTER, patch: {operation: ADD, "
        "value: {name: 'outbound|80||details.prod.svc.cluster.local', type: STATIC}}}, "
        "{applyTo: CLUSTER, patch: {operation: ADD, value: {name: own, type: STATIC}}}, "
        "{applyTo: CLUSTER, match: {cluster: {name: own}}, "
        "patch: {operation: MERGE, value: {altStatName: later}}}, "
        "{applyTo: CLUSTER, match: {cluster: {service: ratings.prod.svc.cluster.local}},"
        " patch: {operation: REMOVE}}, "
        "{applyTo: CLUSTER, patch: {operation: MERGE, value: {connectTimeout: soon}}}, "
        "{applyTo: HTTP_ROUTE, patch: {operation: MERGE, "
        "value: {requestHeadersToRemove: [x]}}}, "
        "{applyTo: LISTENER, match: {proxy: {metadata: {WORKLOAD_NAME: shop}}}, "
        "patch: {operation: MERGE, value: {perConnectionBufferLimitBytes: 9}}}, "
        "{applyTo: VIRTUAL_HOST, match: {context: GATEWAY}, "
        "patch: {operation: MERGE, value: {includeRequestAttemptCount: true}}}]",
        "istio-system",
    )
    + the(
        "EnvoyFilter",
        "some",
        "workloadSelector: {labels: {version: v2}}, configPatches: ["
        "{applyTo: NETWORK_FILTER, patch: {operation: REMOVE}}]",
    )
)


def test_changes_by_hand_are_made_as_they_would_be_alone() -> None:
    mesh = holding((*MESH, *EDGE, *BY_HAND))
    shared = snapshots(Latest(mesh))
    for group in some_proxies():
        made, wanted = shared.of(group), translated(mesh, group)
        assert bodies(made) == bodies(wanted), group
        assert origins(made) == origins(wanted), group
        assert made is not None
        assert made.unmade == wanted.unmade
        assert made.unmade
        assert "own" in made.resources[TypeUrl.CLUSTER]


def test_what_was_changed_by_hand_outlives_an_edit_that_does_not_reach_it() -> None:
    cell = Latest(holding((*MESH, *BY_HAND)))
    shared, groups = snapshots(cell), some_proxies()[:2]
    before = [shared.of(group) for group in groups]
    entry = resources(service("reviews", "80 http HTTP", "9001 tcp TCP"))[0]
    cell.set(cell.value.put(entry).at(Epoch("cafe"), Revision(11)))
    for group, earlier in zip(groups, before, strict=True):
        later = shared.of(group)
        assert earlier is not None
        assert later is not None
        kept = earlier.resources[TypeUrl.CLUSTER]
        again = {
            name
            for name, each in later.resources[TypeUrl.CLUSTER].items()
            if kept.get(name) is not each
        }
        assert again
        assert all("reviews" in name for name in again)


def test_proxies_that_differ_in_nothing_that_counts_share_one() -> None:
    cell = Latest(holding(MESH))
    shared = snapshots(cell)
    one, *_ = some_proxies()
    twin = replace(one, addresses=("10.9.9.9",), labels=(*one.labels, ("zone", "a")))
    first, second = shared.of(one), shared.of(twin)
    assert first is not None
    assert second is not None
    assert first is not second
    for kind, named in first.resources.items():
        for name, each in named.items():
            if not name.startswith(("inbound|", "virtualInbound")):
                assert second.resources[kind][name] is each, name


WATCHED = resources(
    the(
        "Telemetry",
        "watched",
        "metrics: [{providers: [{name: prometheus}]}], "
        "accessLogging: [{providers: [{name: envoy}]}], "
        "tracing: [{randomSamplingPercentage: 100}]",
        "istio-system",
    )
    + the("PeerAuthentication", "strict", "mtls: {mode: STRICT}", "istio-system")
    + the(
        "AuthorizationPolicy", "some", "rules: [{from: [{source: {namespaces: [a]}}]}]"
    )
    + "".join(service(name) for name in ("one", "two", "three"))
    + the(
        "ServiceEntry",
        "outside",
        "hosts: [api.example.com], location: MESH_EXTERNAL, resolution: DNS, "
        "ports: [{number: 80, name: http, protocol: HTTP}]",
    )
)


def test_workloads_that_are_watched_share_what_they_call() -> None:
    shared, (one, *_) = snapshots(Latest(holding(WATCHED))), some_proxies()
    other = replace(
        one,
        addresses=("10.9.9.9",),
        labels=(("app", "other"), ("version", "v9")),
        node=replace(one.node, workload_name="other", service_account="other"),
    )
    first, second = shared.of(one), shared.of(other)
    assert first is not None
    assert second is not None
    called = (TypeUrl.CLUSTER, TypeUrl.ENDPOINT, TypeUrl.ROUTE)
    for kind in called:
        for name, each in first.resources[kind].items():
            assert second.resources[kind][name] is each, name
    told = first.resources[TypeUrl.LISTENER], second.resources[TypeUrl.LISTENER]
    assert told[0] != told[1], "what tells of them is their own"
