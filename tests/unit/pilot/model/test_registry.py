"""Whose workloads may answer for something else after a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.model.index import Index, index
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.model.registry import NOWHERE, moved
from meltemi.testkit.mesh import aged, resources
from meltemi.testkit.small_mesh import service, the

if TYPE_CHECKING:
    from meltemi.pilot.model.registry import Services

OTHER = service("other", more="resolution: STATIC, endpoints: [{address: 10.9.0.1}]")

ONE = "resolution: STATIC, endpoints: [{address: 10.0.1.1}]"
TWO = "resolution: STATIC, endpoints: [{address: 10.0.1.1}, {address: 10.0.1.2}]"
SELECTING = "resolution: STATIC, workloadSelector: {labels: {app: web}}"


def steps(*texts: str) -> tuple[Services, Services]:
    """Return the services of the first text, and when the others were put, too."""
    mesh, made = Mesh(), list[Index]()
    for text in texts:
        for each in resources(text):
            mesh = mesh.put(aged(each))
        made.append(index(mesh, MeshConfig(), before=made[0] if made else None))
    return made[0].services, made[-1].services


def test_nothing_new_concerns_nobody() -> None:
    assert moved(*steps(service("web", more=ONE))) == NOWHERE


def test_a_service_concerns_where_its_instances_are_and_were() -> None:
    found = moved(*steps(OTHER + service("web", more=TWO), service("web", more=ONE)))
    assert found.addresses == {"10.0.1.1", "10.0.1.2"}
    assert found.namespaces == frozenset()


def test_who_answers_is_no_matter_of_shape_unless_clients_connect_to_it() -> None:
    before, after = (service("web", more=each) for each in (ONE, TWO))
    assert moved(*steps(OTHER + before, after)).pairs
    assert (
        moved(*steps(OTHER + before, service("web", "81 tcp TCP", more=ONE))).pairs
        is None
    )
    assert moved(*steps(OTHER, before)).pairs is None
    headless = SELECTING.replace("STATIC", "NONE").replace("web", "picky")
    calling = service("picky", "81 tcp TCP", more=headless)
    joins = the("WorkloadEntry", "w", "address: 10.0.1.9, labels: {app: picky}")
    assert moved(*steps(calling, joins)).pairs is None


def test_a_service_that_selects_concerns_its_namespace_when_it_comes_and_goes() -> None:
    selecting = service("picky", more=SELECTING, namespace="shop")
    without, having = steps(OTHER, selecting)
    for found in (moved(without, having), moved(having, without)):
        assert found.namespaces == {"shop"}
