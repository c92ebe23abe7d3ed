from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.injector.compose.project import Wish, project_of
from meltemi.injector.compose.tree import tree_of

if TYPE_CHECKING:
    from meltemi.config.finding import Finding


def names(text: str) -> tuple[dict[str, tuple[str, ...]], list[Finding]]:
    """Return what workloads are called beside their names, and what is told of it."""
    made = project_of(tree_of(text, "f"), "f", Wish())
    found = {each.called: sidecar.workload.names for each, sidecar in made.instances}
    return found, [each for each in made.warnings if each.code in ("NAME", "OUTSIDE")]


@pytest.mark.parametrize(
    ("said", "hosts"),
    [
        ("container_name: Shop", ("shop",)),
        ("hostname: shop.example", ("shop.example",)),
        ("networks: {a: {aliases: [x, y]}, b: {aliases: [x]}}", ("x", "y")),
        ("hostname: web", ()),
        ("networks: [a]", ()),
        ("container_name: x, hostname: x", ("x",)),
    ],
)
def test_what_a_service_is_called_is_a_host_of_the_mesh(
    said: str, hosts: tuple[str, ...]
) -> None:
    text = f"services: {{web: {{image: x, expose: [80], {said}}}}}"
    assert names(text) == ({"web": hosts}, [])


def test_what_a_link_calls_another_is_one_of_its_names() -> None:
    text = """\
services:
  web: {image: x, expose: [80], links: ["db:database", "db:db", db, "far:f"]}
  db: {image: x, expose: [81]}
  far: {image: x, network_mode: host}
"""
    assert names(text) == ({"web": (), "db": ("database",)}, [])


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("hostname: my_web", "can be no host of the mesh, where it is 'web'"),
        ("networks: {a: {aliases: ['${N:-x}']}}", "'${N:-x}' is a variable"),
        ("hostname: db", "is the name of db as well"),
        ("links: ['db:a_b']", "where it is 'db'"),
        ("external_links: [redis_1]", "as what is outside of the mesh"),
    ],
)
def test_a_name_that_the_mesh_cannot_have_is_told_at_its_line(
    said: str, line: str
) -> None:
    text = (
        "services:\n  db: {image: x, expose: [81]}\n"
        f"  web:\n    image: x\n    expose: [80]\n    {said}\n"
    )
    found, (told,) = names(text)
    assert found == {"web": (), "db": ()}
    assert line in told.message
    assert told.source.line == 6


def test_an_underscore_in_a_services_name_is_told() -> None:
    found, (told,) = names("services: {auth_service: {image: x, expose: [80]}}")
    assert found == {"auth-service": ()}
    assert "where it is 'auth-service'" in told.message


def test_one_name_of_several_is_no_host_unless_they_are_one_by_their_label() -> None:
    alias = "networks: {a: {aliases: [v]}}"
    text = f"services: {{one: {{image: x, {alias}}}, two: {{image: x, {alias}}}}}"
    found, told = names(text)
    assert found == {"one": (), "two": ()}
    assert [each.path.partition(".networks")[0] for each in told] == [
        "services.one",
        "services.two",
    ]
    assert names(text.replace("image: x", "image: x, labels: {app: v}")) == (found, [])
