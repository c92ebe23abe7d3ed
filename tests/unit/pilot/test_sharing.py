"""When what a class sees is looked at, and when it is carried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot import parts, sharing
from meltemi.pilot.latest import Latest
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.scope.scope import outward
from meltemi.testkit.alike import snapshots, some_proxies
from meltemi.testkit.mesh import aged, resources
from meltemi.testkit.small_mesh import service

if TYPE_CHECKING:
    import pytest

    from meltemi.pilot.model.index import Index
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope


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
