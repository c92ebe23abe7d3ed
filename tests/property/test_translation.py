"""What holds of the translation, whatever the mesh."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.scope.scope import scope
from meltemi.testkit.mesh import resources
from meltemi.testkit.mesh_grower import grow_kinds, grow_mesh
from meltemi.testkit.model_proxy import clusters_named
from meltemi.testkit.small_mesh import opened, service, the
from meltemi.testkit.translation import CLASSES, holding, translated, versions

if TYPE_CHECKING:
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.trace import Resources

SIZE = 14
SEEDS = range(6)
EDITS = 100
SOMEBODY_COUNTS = """
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {name: counted, namespace: elsewhere}
    spec: {metrics: [{providers: [{name: prometheus}]}]}
    """
ELSEWHERE = """
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: nobodys, namespace: elsewhere}
    spec: {host: reviews.default.svc.cluster.local, exportTo: ["."], trafficPolicy: {loadBalancer: {simple: RANDOM}}}
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: nobodys, namespace: elsewhere}
    spec:
      hosts: [reviews.default.svc.cluster.local]
      exportTo: ["."]
      http: [{directResponse: {status: 404}}]
    ---
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: nobodys, namespace: elsewhere}
    spec:
      hosts: [nobodys.example.com]
      exportTo: ["."]
      ports: [{number: 80, name: http, protocol: HTTP}]
      resolution: STATIC
      endpoints: [{address: 10.3.0.1}]
    ---
    apiVersion: networking.istio.io/v1
    kind: Sidecar
    metadata: {name: nobodys, namespace: elsewhere}
    spec: {egress: [{hosts: ["./*"]}]}
    ---
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: nobodys, namespace: elsewhere}
    spec: {action: DENY, rules: [{}]}
    ---
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: nobodys, namespace: elsewhere}
    spec: {mtls: {mode: STRICT}}
    ---
    apiVersion: security.istio.io/v1
    kind: RequestAuthentication
    metadata: {name: nobodys, namespace: default}
    spec: {selector: {matchLabels: {app: nobody}}, jwtRules: [{issuer: a, jwks: '{"keys":[]}'}]}
    ---
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {name: nobodys, namespace: default}
    spec: {selector: {matchLabels: {app: nobody}}, accessLogging: [{providers: [{name: envoy}]}], metrics: [{providers: [{name: prometheus}]}]}
    ---
    apiVersion: extensions.istio.io/v1alpha1
    kind: WasmPlugin
    metadata: {name: nobodys, namespace: default}
    spec: {selector: {matchLabels: {app: nobody}}, url: "file:///nobodys.wasm"}
    ---
    apiVersion: extensions.istio.io/v1alpha1
    kind: TrafficExtension
    metadata: {name: nobodys, namespace: elsewhere}
    spec: {lua: {inlineCode: "--"}}
    ---
    apiVersion: networking.istio.io/v1alpha3
    kind: EnvoyFilter
    metadata: {name: nobodys, namespace: elsewhere}
    spec:
      configPatches:
        - {applyTo: CLUSTER, match: {context: ANY}, patch: {operation: MERGE, value: {connectTimeout: 9s}}}
    """

PORTS = ("80 http HTTP", "443 tls TLS", "9080 grpc GRPC")
SERVED = (
    service("reviews", *PORTS)
    + service("ratings", *PORTS)
    + service("other", *PORTS, namespace="prod")
    + service("api.example.com", *PORTS, more="resolution: DNS")
    + the(
        "Gateway",
        "edge",
        "selector: {app: reviews}, servers: ["
        "{hosts: ['*'], port: {number: 80, name: http, protocol: HTTP}}, "
        "{hosts: ['*'], port: {number: 443, name: tls, protocol: TLS},"
        " tls: {mode: PASSTHROUGH}}]",
        "istio-system",
    )
    + the(
        "VirtualService",
        "shop",
        "hosts: [shop.example.org], gateways: [mesh, istio-system/edge], http: ["
        "{route: [{destination: {host: reviews, port: {number: 80}}, weight: 1}, "
        "{destination: {host: ratings, port: {number: 80}}, weight: 1}],"
        " mirror: {host: other.prod.svc.cluster.local, port: {number: 80}}}]",
    )
)
ROUTING = (
    *("VirtualService",) * 6,
    *("DestinationRule",) * 3,
    *("ServiceEntry", "WorkloadEntry", "Sidecar"),
)

every_class = pytest.mark.parametrize("group", CLASSES.values(), ids=CLASSES)
every_seed = pytest.mark.parametrize("seed", SEEDS)


def rng(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - a test that repeats itself


@every_class
@every_seed
def test_the_order_of_arrival_changes_no_byte(group: ProxyClass, seed: int) -> None:
    objects = grow_mesh(rng(seed), SIZE)
    shuffled = list(objects)
    rng(seed).shuffle(shuffled)
    assert versions(holding(shuffled), group) == versions(holding(objects), group)


@every_class
@every_seed
def test_what_selects_no_proxy_of_a_class_changes_no_byte_of_it(
    group: ProxyClass, seed: int
) -> None:
    # Where somebody counts, all take out what may be said of callers: once for all.
    objects = (*grow_mesh(rng(seed), SIZE), *resources(SOMEBODY_COUNTS))
    before = versions(holding(objects), group)
    for other in resources(ELSEWHERE):
        assert versions(holding((*objects, other)), group) == before, other.kind


@every_class
@every_seed
def test_what_leaves_and_returns_leaves_no_trace(group: ProxyClass, seed: int) -> None:
    mesh = holding(grow_mesh(rng(seed), SIZE))
    before = versions(mesh, group)
    for each in grow_mesh(rng(seed), SIZE):
        again = mesh.drop(each.key).put(each)
        assert versions(again, group) == before, each.key


@every_class
def test_a_rebuild_equals_what_edits_led_to(group: ProxyClass) -> None:
    choices = rng(7)
    pool = grow_mesh(choices, 3 * SIZE)
    edited, held = holding(()), dict[object, object]()
    for number in range(EDITS):
        each = choices.choice(pool)
        if each.key in held and choices.random() < 0.5:
            edited = edited.drop(each.key)
            del held[each.key]
        else:
            edited = edited.put(each)
            held[each.key] = each
        if number % 10 == 0:
            whole = holding([one for one in pool if one.key in held])
            assert versions(edited, group) == versions(whole, group)


@every_class
@every_seed
def test_no_route_names_a_cluster_that_is_missing(group: ProxyClass, seed: int) -> None:
    grown = grow_kinds(rng(seed), ROUTING)
    mesh = holding((*resources(SERVED), *grown))
    held = opened(translated(mesh, group))
    view = scope(index(mesh, MeshConfig()), group)
    missing = named_by(held) - held.clusters.keys()
    assert not {each for each in missing if not nobodys(view, each)}


@every_class
def test_routes_that_are_not_grown_name_clusters_that_are_there(
    group: ProxyClass,
) -> None:
    held = opened(translated(holding(resources(SERVED)), group))
    named = named_by(held)
    assert named <= held.clusters.keys()
    assert len([each for each in named if each.startswith("outbound|80|")]) > 1


def nobodys(view: Scope, cluster: str) -> bool:
    """Tell whether a destination is one that nothing in the mesh stands for.

    Its cluster is named all the same, and Envoy answers 503 with the flag NC.
    """
    direction, port, subset, host = cluster.split("|")
    service = view.services.get(host)
    if direction != "outbound" or service is None:
        return direction == "outbound"
    rule = view.rule(host)
    subsets = {each.name for each in rule.spec.subsets} if rule else set()
    known = service.port(int(port))
    unresolved = service.resolution in (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)
    return (
        known is None
        or (subset != "" and subset not in subsets)
        or (service.resolution is Resolution.NONE and not view.group.captured)
        or (unresolved and not service.of(known))
    )


def named_by(held: Resources) -> set[str]:
    """Return the clusters that routes, TCP proxies and mirrors name."""
    messages = (*held.listeners, *held.routes.values())
    return {name for each in messages for name in clusters_named(each)}


def test_the_seed_of_hashes_changes_no_byte() -> None:
    command = [sys.executable, "-m", "meltemi.testkit.translation"]
    said = {
        subprocess.run(
            command,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
    assert len(said.pop()) > 100
