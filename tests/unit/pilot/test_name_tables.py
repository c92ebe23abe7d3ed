from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.kernel.clock import SystemClock
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot import name_tables
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.name_tables import NameTables
from meltemi.pilot.push import Snapshots
from meltemi.pilot.scope.proxy import proxy
from meltemi.testkit.mesh import mesh
from meltemi.testkit.small_mesh import service
from meltemi.xds.name_table import decode

if TYPE_CHECKING:
    import pytest

NODE = "sidecar~10.0.0.9~a.default~default.svc.cluster.local"
GROUP = proxy(NODE, {"DNS_CAPTURE": "true"}).group


def tables(cell: Latest[Mesh], metrics: Metrics) -> NameTables:
    return NameTables(Snapshots(cell, MeshConfig(), SystemClock(), metrics))


def test_before_the_first_mesh_nothing_is_known_of_names() -> None:
    assert tables(Latest(Mesh()), Metrics()).of(GROUP) is None


def test_a_class_has_one_table_a_mesh() -> None:
    made = tables(Latest(mesh(service("reviews"))), Metrics())
    first = made.of(GROUP)
    assert first is not None
    assert list(decode(first.body)) == ["reviews.default.svc.cluster.local"]
    assert made.of(GROUP) is first


def test_equal_meshes_of_two_pilots_have_tables_of_one_version() -> None:
    one, other = (
        tables(Latest(mesh(service("reviews"))), Metrics()).of(GROUP) for _ in range(2)
    )
    assert one == other


def test_a_bug_keeps_the_table_that_the_class_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell, metrics = Latest(mesh(service("reviews"))), Metrics()
    made = tables(cell, metrics)
    before = made.of(GROUP)

    def broken(_: object) -> object:
        raise LookupError("a bug")

    monkeypatch.setattr(name_tables, "name_table", broken)
    cell.set(cell.value.at(Epoch("cafe"), Revision(9)))
    assert made.of(GROUP) is before
    assert metrics.build_failures._value.get() == 1
