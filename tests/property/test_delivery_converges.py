"""Whatever happens on the way, every proxy comes to hold what it should.

A history is edits of a mesh, and proxies that are slow, refuse, go away and come back
to another Pilot. At no moment does a proxy send to a cluster that it was not given.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from meltemi.kernel.clock import SystemClock
from meltemi.kernel.names import Epoch, Key, Revision
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.push import Snapshots
from meltemi.pilot.scope.proxy import proxy
from meltemi.testkit.mesh import resources
from meltemi.testkit.model_proxy import ModelPilot, ModelProxy
from meltemi.testkit.small_mesh import service, the, to
from meltemi.testkit.translation import holding
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable

STEPS: Final = 40
CHAPTERS: Final = 2
"""Of a history; between them everything is in place, and can be taken away."""
ROUNDS: Final = 200
DROPPED: Final = 0.45
"""Of the edits so many take something away that is there."""
ALONE: Final = resources(service("reviews", "80 http HTTP", "9000 tcp TCP"))
POOL: Final = resources(
    service("ratings", "80 http HTTP")
    + service(
        "ratings",
        "80 http HTTP",
        more="resolution: STATIC, endpoints: [{address: 10.0.1.2}, {address: 10.0.1.3}]",
    )
    + service("ratings", "81 http HTTP")
    + service("details", "80 http HTTP", namespace="prod")
    + service("bank", "80 tcp TCP", namespace="prod")
    + service(
        "reviews",
        "80 http HTTP",
        more="resolution: STATIC, endpoints: [{address: 10.1.0.1}], exportTo: ['.']",
    )
    + the(
        "DestinationRule",
        "ratings",
        "host: ratings, subsets: [{name: v1, labels: {version: v1}}]",
    )
    + the("DestinationRule", "ratings", "host: ratings, subsets: [{name: v2}]")
    + "".join(
        the("VirtualService", "ratings", f"hosts: [ratings], http: [{each}]")
        for each in (
            to("ratings"),
            to("details.prod.svc.cluster.local"),
            "{route: [{destination: {host: ratings, subset: v1}}]}",
            "{match: [{sourceLabels: {app: reviews}}], directResponse: {status: 418}}",
        )
    )
    + the("PeerAuthentication", "all", "mtls: {mode: STRICT}", "istio-system")
    + the("PeerAuthentication", "all", "mtls: {mode: DISABLE}", "istio-system")
    + the("Sidecar", "few", "egress: [{hosts: ['./*']}]", "prod")
)
CLASSES: Final = tuple(
    proxy(
        f"sidecar~10.1.0.{number}~a{number}.{home}~{home}.svc.cluster.local",
        {"LABELS": {"app": app}, "NAMESPACE": home, "WORKLOAD_NAME": app},
    ).group
    for number, (home, app) in enumerate(
        (("default", "reviews"), ("default", "shop"), ("prod", "bank"))
    )
)
APART: Final = tuple(replace(each, hosts_apart=True) for each in CLASSES)
GROUPS: Final = (*CLASSES, *APART)


class World:
    """Two Pilots of one mesh, and proxies of both variants."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 - a history that can be told again
        self.mesh = holding(ALONE)
        self.cell = Latest(self.mesh)
        self.pilots = [
            ModelPilot(Snapshots(self.cell, MeshConfig(), SystemClock(), Metrics()))
            for _ in range(2)
        ]
        self.present = dict[str, Key]()
        """Of the pool, what is in the mesh."""
        self.nobodys = dict[bytes, set[str]]()
        self.note_nobodys()
        self.proxies = [
            ModelProxy(group, delta)
            for groups, delta in ((GROUPS, True), (CLASSES, False))
            for group in groups
        ]
        for each in self.proxies:
            each.connect(self.rng.choice(self.pilots))

    def step(self) -> None:
        """Let one thing happen."""
        each = self.rng.choice(self.proxies)
        match self.rng.choice("eessaaaacr"):
            case "e":
                self.edit()
            case "s":
                each.serve()
            case "a" if each.inbox:
                each.answer()
                self.check(each)
            case "c":
                each.connect(self.rng.choice(self.pilots))
            case "r":
                self.refuse(each)

    def edit(self) -> None:
        """Put an object of the pool into the mesh, or take it out."""
        present = sorted(self.present)
        if present and self.rng.random() < DROPPED:
            key = self.present.pop(self.rng.choice(present))
            made = self.mesh.drop(key)
        else:
            each = self.rng.choice(POOL)
            self.present[str(each.key)] = each.key
            made = self.mesh.put(each)
        self.mesh = made.at(Epoch("cafe"), Revision(self.mesh.revision + 1))
        self.cell.set(self.mesh)
        self.note_nobodys()

    def note_nobodys(self) -> None:
        """Remember which tables name clusters although nobody stands for them."""
        for group in GROUPS:
            whole = ModelProxy(group, delta=True)
            whole.hold(self.pilots[0])
            for body, missing in whole.missing().items():
                self.nobodys[body] = self.nobodys.get(body, set()) | missing

    def refuse(self, each: ModelProxy) -> None:
        """Have a proxy refuse a route table or a listener as it is now, or nothing."""
        snapshot = self.pilots[0].snapshots.of(each.group)
        assert snapshot is not None
        each.refused.clear()
        if self.rng.random() < 0.7:
            routes = TypeUrl.VIRTUAL_HOST if each.group in APART else TypeUrl.ROUTE
            kind = self.rng.choice((TypeUrl.LISTENER, routes))
            bodies = sorted(one.body for one in snapshot.resources[kind].values())
            each.refused.update((kind, body) for body in bodies[:1])

    def check(self, each: ModelProxy) -> None:
        """Fail if a proxy sends to a cluster that it was not given."""
        if not each.known:
            return
        for body, missing in each.missing().items():
            assert missing <= self.nobodys[body]

    def settle(self) -> None:
        """Let everything arrive that is on its way; fail if it never ends."""
        for _ in range(ROUNDS):
            busy = [each.serve() or bool(each.inbox) for each in self.proxies]
            for each in self.proxies:
                if each.inbox:
                    each.answer()
                    self.check(each)
            if not any(busy):
                return
        raise AssertionError("it never stops sending")


def history(seed: int) -> None:
    """Tell one history, and see how it ends."""
    world = World(seed)
    for _ in range(CHAPTERS):
        for _ in range(STEPS):
            world.step()
        world.settle()
    for each in world.proxies:
        each.refused.clear()
        each.connect(world.rng.choice(world.pilots))
    world.settle()
    for group in GROUPS:
        one, other = (pilot.snapshots.of(group) for pilot in world.pilots)
        assert one is not None
        assert other is not None
        assert one.versions == other.versions, "two Pilots of one mesh"
    for each in world.proxies:
        assert each.lacks() == {}, f"{each.group.namespace} {each.delta=} {seed=}"


def histories(seeds: Iterable[int]) -> None:
    """Tell many histories."""
    for seed in seeds:
        history(seed)


@pytest.mark.parametrize("tens", range(6))
def test_sixty_histories_end_well(tens: int) -> None:
    histories(range(10 * tens, 10 * tens + 10))


@pytest.mark.full
@pytest.mark.parametrize("hundreds", range(50))
def test_five_thousand_histories_end_well(hundreds: int) -> None:
    histories(range(1000 + 100 * hundreds, 1100 + 100 * hundreds))
