"""What Pilot tells of how changes arrive."""

from __future__ import annotations

from meltemi.pilot.connections import Connection, Connections
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.push import Snapshots
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.stats.ring import Ring
from meltemi.testkit.authority import NOON
from meltemi.testkit.edges import counts, edge
from meltemi.testkit.fakes.clock import StillClock
from meltemi.testkit.mesh import resources
from meltemi.testkit.small_mesh import service, the, to
from meltemi.testkit.translation import holding
from meltemi.xds.session import Request, Session
from meltemi.xds.types import TypeUrl

NODE = "sidecar~10.0.0.9~web.default~default.svc.cluster.local"
EVERYTHING = (TypeUrl.CLUSTER, TypeUrl.LISTENER)


class World:
    """A Pilot with one proxy that takes, or refuses, what it is sent."""

    def __init__(self) -> None:
        self.clock = StillClock(NOON)
        self.metrics = Metrics(clock=self.clock)
        self.connections = Connections("pilot-0", self.clock)
        self.metrics.distribution(self.connections)
        self.connection = stream()
        self.connections.joined(self.connection)
        for kind in EVERYTHING:
            self.session.take(Request(kind))

    @property
    def session(self) -> Session:
        return self.connection.session

    def knows(self, revision: int) -> None:
        self.metrics.convergence.knew(revision)
        content = {kind: {"a": f"{revision}"} for kind in EVERYTHING}
        self.session.aim(content, revision)

    def takes(self, *, error: str | None = None) -> None:
        while due := self.session.pushes():
            for kind, push in due:
                self.session.take(Request(kind, nonce=push.nonce, error=error))
        self.metrics.progressed(self.connection)

    def tells(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


def stream() -> Connection:
    return Connection(proxy(NODE, {}), Session())


def test_a_change_is_timed_from_when_it_is_known_to_its_last_ack() -> None:
    world = World()
    world.knows(7)
    world.clock.advance(5)
    world.takes()
    assert world.tells("mesh_convergence_seconds_count") == 0, "it only came"
    world.knows(8)
    world.clock.advance(2)
    assert world.tells("mesh_proxy_config_lag_seconds") == 2.0
    world.takes()
    assert world.tells("mesh_convergence_seconds_count") == 1
    assert world.tells("mesh_convergence_seconds_sum") == 2.0
    assert world.tells("mesh_proxy_config_lag_seconds") == 0.0


def test_an_object_that_proxies_refuse_is_told_with_how_many_do() -> None:
    world = World()
    text = service("reviews") + the(
        "VirtualService", "v", f"hosts: [reviews], http: [{to('reviews')}]"
    )
    mesh = Latest(holding(resources(text)))
    snapshots = Snapshots(mesh, MeshConfig(), world.clock, world.metrics)
    snapshot = snapshots.of(world.connection.proxy.group)
    assert snapshot is not None
    world.connection.snapshot = snapshot
    world.session.take(Request(TypeUrl.ROUTE, subscribe=frozenset({"80"})))
    world.session.aim(snapshot.versions, snapshot.revision)
    for _ in range(20):
        for kind, push in world.session.pushes():
            error = "no" if kind is TypeUrl.ROUTE and push.upsert else None
            world.session.take(Request(kind, nonce=push.nonce, error=error))
    assert world.tells("mesh_refused", object="VirtualService/default/v") == 1
    world.connections.left(world.connection)
    assert world.tells("mesh_refused", object="VirtualService/default/v") is None


def test_edges_that_are_kept_and_those_that_are_not_are_told() -> None:
    metrics, ring = Metrics(), Ring(most=3)
    metrics.edges(ring)
    for callee in "abcde":
        ring.add("hog", edge("hog", callee), counts(1), 1)
    ring.add("web", edge("web", "api"), counts(1), 1)
    names = ("edges", "edges_dropped_total", "edges_folded_total")
    found = [
        metrics.registry.get_sample_value(f"meltemi_pilot_stats_{name}")
        for name in names
    ]
    assert found == [4, 1, 2], "three, and the others"
