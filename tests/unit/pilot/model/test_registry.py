"""Whose workloads may answer for something else after a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.model.registry import NOWHERE, moved
from meltemi.testkit.mesh import resources
from meltemi.testkit.small_mesh import service
from meltemi.testkit.translation import holding

if TYPE_CHECKING:
    from meltemi.pilot.model.registry import Services

OTHER = service("other", more="resolution: STATIC, endpoints: [{address: 10.9.0.1}]")

ONE = "resolution: STATIC, endpoints: [{address: 10.0.1.1}]"
TWO = "resolution: STATIC, endpoints: [{address: 10.0.1.1}, {address: 10.0.1.2}]"
SELECTING = "resolution: STATIC, workloadSelector: {labels: {app: web}}"


def steps(*texts: str) -> tuple[Services, Services]:
    """Return the services of the first text, and when the others were put, too."""
    first, *more = texts
    mesh = holding(resources(first))
    before = index(mesh, MeshConfig())
    for text in more:
        for each in resources(text):
            mesh = mesh.put(each)
    return before.services, index(mesh, MeshConfig(), before=before).services


def test_nothing_new_concerns_nobody() -> None:
    assert moved(*steps(service("web", more=ONE))) == NOWHERE


def test_a_service_concerns_where_its_instances_are_and_were() -> None:
    found = moved(*steps(OTHER + service("web", more=TWO), service("web", more=ONE)))
    assert found.addresses == {"10.0.1.1", "10.0.1.2"}
    assert found.namespaces == frozenset()


def test_a_service_that_selects_concerns_its_namespace_when_it_comes_and_goes() -> None:
    selecting = service("picky", more=SELECTING, namespace="shop")
    without, having = steps(OTHER, selecting)
    for found in (moved(without, having), moved(having, without)):
        assert found.namespaces == {"shop"}
