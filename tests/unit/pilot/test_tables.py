"""Tables are put together of bytes, and no more often than they change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.parts import Parts
from meltemi.pilot.scope.scope import outward
from meltemi.testkit.mesh import resources
from meltemi.testkit.small_mesh import service, the, to
from meltemi.testkit.translation import CLASSES, holding

if TYPE_CHECKING:
    from meltemi.pilot.snapshot import Stored

GROUP = CLASSES["captured"]
RULE = the("VirtualService", "v", f"hosts: [reviews], http: [{to('ratings')}]")
TEXT = service("reviews") + service("ratings") + RULE
MORE = "resolution: STATIC, endpoints: [{address: 10.0.1.1}, {address: 10.0.1.2}]"


class Made:
    """The tables of one class, as the mesh is changed."""

    def __init__(self) -> None:
        self.parts, self.mesh = Parts(), holding(resources(TEXT))
        self.index = index(self.mesh, MeshConfig())

    def change(self, text: str) -> None:
        (changed,) = resources(text)
        self.mesh = self.mesh.put(changed)
        self.index = index(self.mesh, MeshConfig(), before=self.index)
        self.parts.turn()

    @property
    def table(self) -> Stored:
        seen = self.parts.outward(outward(self.index, GROUP))
        ((_, _, found),) = self.parts.tables.routed(GROUP, seen.tables)
        return found


def test_who_answers_for_a_service_is_no_matter_of_routes() -> None:
    made = Made()
    first = made.table
    made.change(service("reviews", more=MORE))
    assert made.table is first


def test_a_rule_changes_the_table_and_a_service_does() -> None:
    made = Made()
    first = made.table
    made.change(RULE.replace("ratings", "reviews"))
    second = made.table
    assert second.body != first.body
    made.change(service("details"))
    assert b"details.default.svc.cluster.local" in made.table.body


def test_hosts_by_themselves_are_made_again_where_their_rules_are_others() -> None:
    made, group = Made(), replace(GROUP, hosts_apart=True)

    def hosts() -> dict[str, Stored]:
        seen = made.parts.outward(outward(made.index, group))
        return {
            name: it for _, name, it in made.parts.tables.routed(group, seen.tables)
        }

    def others(text: str) -> list[str]:
        """Return the hosts that are others when an object is put."""
        before = hosts()
        made.change(text)
        return [name for name, each in hosts().items() if each is not before.get(name)]

    (host,) = others(RULE.replace("ratings", "reviews"))
    assert "reviews.default.svc.cluster.local:80" in host
    assert others(service("reviews", more=MORE)) == []
    assert "80/details.default.svc.cluster.local:80" in others(service("details"))


def test_hosts_by_themselves_follow_what_becomes_of_unknown_hosts() -> None:
    made, group = Made(), replace(GROUP, hosts_apart=True)
    closed = the(
        "MeshConfig",
        "default",
        "outboundTrafficPolicy: {mode: REGISTRY_ONLY}",
        "istio-system",
    )

    def names() -> list[str]:
        seen = made.parts.outward(outward(made.index, group))
        return [name for _, name, _ in made.parts.tables.routed(group, seen.tables)]

    assert "80/allow_any" in names()
    made.change(closed)
    assert "80/block_all" in names()
    assert "80/allow_any" not in names()


def test_hosts_of_names_that_nobody_uses_are_forgotten() -> None:
    made, group = Made(), replace(GROUP, hosts_apart=True)
    for number in range(30):
        made.change(service(f"more-{number}"))
        seen = made.parts.outward(outward(made.index, group))
        assert list(made.parts.tables.routed(group, seen.tables))
    held = made.parts.tables.apart
    assert len(held.newer) + len(held.older) < 6
