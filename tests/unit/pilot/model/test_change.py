"""What is no more than a step from one mesh to the next."""

from __future__ import annotations

import pytest

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.model.change import Change, change
from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.testkit.mesh import aged, resources
from meltemi.testkit.small_mesh import service, the
from meltemi.testkit.translation import holding

SEND = "route: [{destination: {host: web}}]"
HTTP = f"http: [{{{SEND}}}]"


def virtual(rules: str = HTTP, *, name: str = "web", hosts: str = "[web]") -> str:
    return the("VirtualService", name, f"hosts: {hosts}, {rules}")


def put(text: str, more: str) -> Change:
    """Return how the mesh of ``text`` changes when the objects of another are put."""
    mesh = holding(map(aged, resources(service("web") + text)))
    before = index(mesh, MeshConfig())
    for each in map(aged, resources(more)):
        mesh = mesh.put(each)
    now = mesh.at(Epoch("e"), Revision(9))
    return change(before, index(now, MeshConfig(), before=before))


def test_other_rules_for_http_are_a_step() -> None:
    step = put(virtual(), virtual(f"http: [{{{SEND}, timeout: 5s}}]")).stepped
    assert step is not None
    ((old, new),) = step.routed
    assert [bool(each.spec.http[0].timeout) for each in (old, new)] == [False, True]
    assert step.services == ()


def test_who_answers_and_other_rules_are_one_step() -> None:
    answers = service(
        "web", more="resolution: STATIC, endpoints: [{address: 10.0.0.9}]"
    )
    step = put(
        virtual(), answers + virtual("http: [{directResponse: {status: 404}}]")
    ).stepped
    assert step is not None
    assert (len(step.services), len(step.routed)) == (1, 1)


@pytest.mark.parametrize(
    "other",
    [
        virtual(hosts="[web, other.example.com]"),
        virtual(f"{HTTP}, gateways: [mesh, front]"),
        virtual(f"{HTTP}, exportTo: ['.']"),
        virtual(f"{HTTP}, tcp: [{{{SEND}}}]"),
        virtual(f"{HTTP}, tls: [{{match: [{{sniHosts: [web]}}], {SEND}}}]"),
        virtual(f"http: [{{match: [{{sourceNamespace: prod}}], {SEND}}}]"),
        virtual().replace("name: web,", "name: web, labels: {a: b},"),
        virtual(name="another", hosts="[another.example.com]"),
        the("DestinationRule", "web", "host: web"),
        service("another"),
    ],
)
def test_anything_else_is_more_than_a_step(other: str) -> None:
    assert put(virtual(), other).stepped is None
