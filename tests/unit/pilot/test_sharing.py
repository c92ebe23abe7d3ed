"""When what a class sees is looked at, and when it is carried on."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot import parts, sharing
from meltemi.pilot.latest import Latest
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.scope.scope import outward
from meltemi.pilot.scope.shared import Kept
from meltemi.pilot.translate.patches import patches
from meltemi.testkit.alike import MESH, snapshots, some_proxies
from meltemi.testkit.mesh import aged, resources
from meltemi.testkit.small_mesh import service, the
from meltemi.testkit.translation import holding
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.pilot.model.index import Index
    from meltemi.pilot.patching import Patches
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.snapshot import Stored

POLICY = "rules: [{from: [{source: {namespaces: [a]}}]}]"
BY_HAND = the(
    "EnvoyFilter",
    "waits",
    "configPatches: [{applyTo: CLUSTER, "
    "patch: {operation: MERGE, value: {connect_timeout: 7s}}}]",
)
LOGGED = "accessLogging: [{providers: [{name: envoy}]}]"


def test_after_many_steps_all_is_looked_at_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = list[int]()

    def counted(index: Index, group: ProxyClass) -> Scope:
        looked.append(index.revision)
        return outward(index, group)

    monkeypatch.setattr(sharing, "outward_scope", counted)
    monkeypatch.setattr(parts, "MOST_EXCHANGED", 3)
    cell, mesh, group = Latest(Mesh()), Mesh(), some_proxies()[0]
    shared = snapshots(cell)
    for number in range(1, 11):
        endpoint = f"endpoints: [{{address: 10.0.0.{number}}}]"
        (each,) = resources(service("web", more=f"resolution: STATIC, {endpoint}"))
        mesh = mesh.put(aged(each)).at(Epoch("e"), Revision(number))
        cell.set(mesh)
        shared.of(group)
    assert looked == [1, 5, 9]


@pytest.mark.parametrize(
    ("kind", "spec", "namespace"),
    [
        ("AuthorizationPolicy", POLICY, "pr-{}"),
        (
            "AuthorizationPolicy",
            f"selector: {{matchLabels: {{l-NUMBER: x}}}}, {POLICY}",
            "default",
        ),
        ("Telemetry", LOGGED, "pr-{}"),
    ],
)
def test_what_came_and_went_leaves_nothing_behind(
    kind: str, spec: str, namespace: str
) -> None:
    mesh = holding(MESH)

    def came_and_went() -> Iterator[Mesh]:
        for number in range(60):
            text = spec.replace("NUMBER", str(number))
            (each,) = resources(the(kind, "own", text, namespace.format(number)))
            yield from (mesh.put(each), mesh)

    early, *_, late = kept_after(came_and_went())
    assert late <= early


def test_of_what_is_edited_again_and_again_the_last_is_kept() -> None:
    mesh = holding(MESH)

    def edited() -> Iterator[Mesh]:
        for number in range(60):
            text = f"{LOGGED}, tracing: [{{randomSamplingPercentage: {number}}}]"
            yield mesh.put(*resources(the("Telemetry", "own", text, "default")))

    early, *_, late = kept_after(edited(), listeners=True)
    assert late <= early


def test_the_same_changes_by_hand_are_not_put_together_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Scope] = []

    def counted(scope: Scope) -> Patches:
        asked.append(scope)
        return patches(scope)

    monkeypatch.setattr(sharing, "patches", counted)
    cell, group = Latest(Mesh()), some_proxies()[0]
    mesh, shared = holding((*MESH, *resources(BY_HAND))), snapshots(cell)
    for number in range(1, 200):
        endpoint = f"resolution: STATIC, endpoints: [{{address: 10.0.0.{number}}}]"
        mesh = mesh.put(*resources(service("web", more=endpoint)))
        cell.set(mesh.at(Epoch("e"), Revision(number)))
        for each in (group, replace(group, addresses=("10.2.0.1",))):
            assert shared.of(each)
    assert len(asked) == 1


def test_who_comes_late_is_given_the_listeners_of_its_like() -> None:
    cell, mesh = Latest(Mesh()), holding(MESH)
    shared, kinds = snapshots(cell), some_proxies()[:8]
    held: list[Mapping[str, Stored]] = []
    for number in range(3 * len(kinds)):  # one comes at each revision, kind by kind
        endpoint = f"resolution: STATIC, endpoints: [{{address: 10.0.0.{number + 1}}}]"
        mesh = mesh.put(*resources(service("web", more=endpoint)))
        cell.set(mesh.at(Epoch("e"), Revision(number + 1)))
        place = number % len(kinds)
        addresses = (f"10.2.0.{number}",)
        made = shared.of(replace(kinds[place], addresses=addresses))
        assert made is not None
        held.append(made.resources[TypeUrl.LISTENER])
        first = held[place]
        leaving = [name for name in held[-1] if name != "virtualInbound"]
        assert all(held[-1][name] is first[name] for name in leaving)


def kept_after(meshes: Iterable[Mesh], *, listeners: bool = False) -> Iterator[int]:
    """Yield after each ten how much is kept of what was made, or of listeners alone."""
    cell, group = Latest(Mesh()), some_proxies()[0]
    shared = snapshots(cell)
    for number, mesh in enumerate(meshes, 1):
        cell.set(mesh.at(Epoch("e"), Revision(number)))
        assert shared.of(group)
        if number % 10 == 0:
            gc.collect()
            yield sum(
                isinstance(each, Kept) and bool(each.given or not listeners)
                for each in gc.get_objects()
            )
