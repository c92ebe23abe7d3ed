"""What leaves the workloads when others answer for a few services."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meltemi.kernel.fading import FEWEST
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot import parts as subject
from meltemi.pilot.model.change import Stepped, change
from meltemi.pilot.model.index import Index, index
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.parts import Parts
from meltemi.pilot.scope.scope import again, outward
from meltemi.pilot.translate.resources import of_service
from meltemi.testkit.alike import some_proxies
from meltemi.testkit.mesh import aged, resources
from meltemi.testkit.small_mesh import service, the
from meltemi.testkit.translation import holding
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    import pytest

    from meltemi.pilot.ir import Resources
    from meltemi.pilot.model.destination_rules import Merged
    from meltemi.pilot.model.service import Service
    from meltemi.pilot.parts import Outward
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.snapshot import Item

STEPS = 200
MANY = 3 * STEPS - 10
SERVICES = 20
GROUP = some_proxies()[0]
NONE = Stepped((), ())
NARROW = the("Sidecar", "narrow", "egress: [{hosts: [./s1.default.svc.cluster.local]}]")


def answered(name: str, last: int) -> str:
    return service(
        name, more=f"resolution: STATIC, endpoints: [{{address: 10.0.0.{last}}}]"
    )


@dataclass
class Changing:
    """A mesh in which others answer for services, and what leaves a workload in it."""

    more: str = ""
    group: ProxyClass = GROUP
    parts: Parts = field(default_factory=Parts)

    def __post_init__(self) -> None:
        text = self.more + "".join(answered(f"s{n}", 1) for n in range(SERVICES))
        self.mesh = holding(map(aged, resources(text)))
        self.index: Index = index(self.mesh, MeshConfig())
        self.scope: Scope = outward(self.index, self.group)
        self.outward: Outward = self.parts.outward(self.scope)

    def change(self, number: int, name: str = "s0") -> None:
        """Have another address answer for a service."""
        self.put(number, answered(name, number % 250))

    def put(self, number: int, text: str) -> None:
        """Put an object that changes no more than a step."""
        seen, before = self.scope, self.index
        (each,) = resources(text)
        self.mesh = self.mesh.put(aged(each)).at(Epoch("e"), Revision(number))
        self.index = index(self.mesh, MeshConfig(), before=before)
        step = change(before, self.index).stepped
        assert step is not None
        scope = again(seen, self.index, self.group, step)
        assert scope is not None
        self.scope = scope
        self.parts.turn()
        if self.parts.due:
            self.outward = self.parts.outward(scope)
        else:
            self.outward = self.parts.again(scope, self.outward, seen, step)


def test_what_leaves_then_is_what_would_be_made_of_it_anew() -> None:
    changing = Changing()
    for number in range(2, 9):
        changing.change(number, f"s{number % 3}")
        anew = Parts().outward(changing.scope)
        assert changing.outward.reached.versions == anew.reached.versions
        assert changing.outward.reached.resources == anew.reached.resources
        assert changing.outward.reached.revision == number


def ruled(number: int) -> str:
    to = "{destination: {host: s2.default.svc.cluster.local}}"
    return the(
        "VirtualService",
        "ruled",
        "hosts: [s1.default.svc.cluster.local], "
        f"http: [{{route: [{to}], timeout: {number}s}}]",
    )


def tables(changing: Changing) -> list[Item]:
    outward, group = changing.outward, changing.group
    return [*changing.parts.tables.routed(group, outward.tables)]


def test_other_rules_are_other_tables_and_nothing_else() -> None:
    changing = Changing(ruled(1))
    for number in range(2, 9):
        before, held = changing.outward, tables(changing)
        changing.put(number, ruled(number))
        assert changing.outward.reached is before.reached
        assert changing.outward.listeners is before.listeners
        assert tables(changing) != held
        anew = Changing(group=changing.group)
        anew.scope = changing.scope
        anew.outward = anew.parts.outward(anew.scope)
        assert tables(changing) == tables(anew)
        assert changing.outward.listeners == anew.outward.listeners
        changing.change(number, f"s{number}")
        assert changing.outward.tables is not before.tables


def test_tables_in_use_are_kept_and_those_before_are_forgotten() -> None:
    changing, number = Changing(ruled(1)), 2
    for each in range(40):
        changing.put(number, ruled(1 + each % 7))
        held = tables(changing)
        for _ in range(5):
            number += 1
            changing.change(number)
            newcomer = Changing(ruled(1), parts=changing.parts)
            tables(newcomer)
        made = changing.parts.tables.made
        assert len(made.newer) + len(made.older) < 20
        for one, other in zip(tables(changing), held, strict=True):
            assert one[2] is other[2]


def test_who_does_not_see_the_service_keeps_all() -> None:
    changing = Changing(NARROW)
    before = changing.outward.reached
    changing.change(2)
    for kind in TypeUrl:
        assert changing.outward.reached.resources[kind] is before.resources[kind]
    changing.change(3, "s1")
    after, kind = changing.outward.reached, TypeUrl.ENDPOINT
    assert after.resources[kind] != before.resources[kind]
    assert after.resources[TypeUrl.CLUSTER] is before.resources[TypeUrl.CLUSTER]


def test_who_asks_otherwise_is_not_given_what_others_are() -> None:
    by_address_family = replace(GROUP, addresses=("fd00::1", "10.1.0.1"))
    one, two = Changing(), Changing(group=by_address_family)
    mixed = one.parts.again(two.scope, one.outward, one.scope, NONE)
    assert mixed.reached.versions == two.outward.reached.versions
    assert mixed.reached.versions != one.outward.reached.versions


def test_what_was_exchanged_is_forgotten_and_what_is_in_use_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subject, "MOST_EXCHANGED", STEPS)
    made = list[str]()

    def counted(scope: Scope, each: Service, rule: Merged | None) -> Resources:
        made.append(each.host)
        return of_service(scope, each, rule)

    monkeypatch.setattr(subject, "of_service", counted)
    changing = Changing()
    for number in range(2, MANY):
        changing.change(number)
    (ground,) = changing.parts.services.known
    assert len(ground.held.newer) + len(ground.held.older) < 2 * STEPS + FEWEST
    changing.parts.reached(changing.scope)  # as for a change of another kind
    others = [each for each in made if not each.startswith("s0.")]
    assert len(others) == SERVICES - 1, "each was made once"
    assert changing.parts.carried == 1, "it goes on to exchange"
