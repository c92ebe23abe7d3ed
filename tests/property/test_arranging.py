"""A mesh that is arranged step by step is arranged like one that is read at once."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.model.change import change
from meltemi.pilot.model.features import Features
from meltemi.pilot.model.index import Index, index
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.model.registry import moved
from meltemi.pilot.scope.scope import again, outward
from meltemi.testkit.alike import some_proxies
from meltemi.testkit.mesh import aged, resources
from meltemi.testkit.small_mesh import service, the

if TYPE_CHECKING:
    from meltemi.pilot.model.registry import Services
    from meltemi.pilot.scope.scope import Scope

STEPS = 60
PORT_80 = "port: {number: 80, name: http, protocol: HTTP}"
SEEN = resources(
    the(
        "Sidecar",
        "whole-and-narrow",
        "workloadSelector: {labels: {version: v2}}, egress: ["
        f"{{hosts: ['prod/*'], port: {{number: 9, name: p, protocol: HTTP_PROXY}}}}, "
        f"{{hosts: ['prod/*'], {PORT_80}}}, {{hosts: ['./*']}}]",
    )
    + the("Sidecar", "sent-to", "egress: [{hosts: [./two.default.svc.cluster.local]}]")
    + the(
        "Sidecar", "few", "egress: [{hosts: ['./one.prod.svc.cluster.local']}]", "prod"
    )
    + the(
        "VirtualService",
        "two",
        "hosts: [two.default.svc.cluster.local], http: [{route: [{destination: "
        "{host: wide.prod.svc.cluster.local, port: {number: 80}}}]}]",
    )
    + the("DestinationRule", "one", "host: one.default.svc.cluster.local")
    + service("wide", "80 http HTTP", "81 tcp TCP", namespace="prod")
)
FOREIGN = index(Mesh().put(SEEN[-1]), MeshConfig()).services.all
"""What another registry describes, at times."""


def edited(mesh: Mesh, rng: Random) -> Mesh:
    """Return ``mesh`` with one object in place of another, most often an alike one."""
    kind = rng.random()
    if kind < 0.2:
        text = routing(rng)
    elif kind < 0.4:
        spec = f"address: 10.0.0.{rng.randrange(4)}, labels: {{app: web}}"
        text = the("WorkloadEntry", f"w{rng.randrange(2)}", spec)
    else:
        text = described(rng)
    (each,) = resources(text)
    day = 1 if rng.random() < 0.9 else rng.randrange(1, 4)
    each = aged(each, f"2026-01-0{day}T00:00:00Z")
    return mesh.drop(each.key) if rng.random() < 0.07 else mesh.put(each)


def routing(rng: Random) -> str:
    """Return a VirtualService, or a delegate, with other rules, seldom for others."""
    if rng.random() < 0.3:
        rule = f"name: r{rng.randrange(3)}, directResponse: {{status: 418}}"
        return the("VirtualService", "lent", f"http: [{{{rule}}}]")
    home = rng.choice(("default", "prod"))
    host = rng.choice(("two.default", "two.default", "wide.prod"))
    to = rng.choice(("one.default", "two.default", "wide.prod"))
    return the(
        "VirtualService",
        "two",
        f"hosts: [{host}.svc.cluster.local], http: [{{name: r{rng.randrange(3)}, "
        f"route: [{{destination: {{host: {to}.svc.cluster.local, "
        "port: {number: 80}}}]}]",
        home,
    )


def described(rng: Random) -> str:
    """Return a service that somebody answers for, seldom of another shape."""
    name, home = rng.choice(("one", "two", "wide")), rng.choice(("default", "prod"))
    if rng.random() < 0.1:
        return service(name, more=f"resolution: {rng.choice(('DNS', 'NONE'))}")
    if rng.random() < 0.2:
        name = "one.default.svc.cluster.local"  # in any of the namespaces
    who = "workloadSelector: {labels: {app: web}}"
    if rng.random() < 0.7:
        addresses = rng.sample(range(5), rng.randrange(3))
        who = ", ".join(f"{{address: 10.0.0.{each}}}" for each in addresses)
        who = f"endpoints: [{who}]"
    more = f"resolution: STATIC, {who}"
    if rng.random() < 0.1:
        more += ", addresses: [10.9.0.1]"
    if rng.random() < 0.1:
        more += f", exportTo: ['{rng.choice(('.', 'prod', '*'))}']"
    ports = ("80 http HTTP", "81 tcp TCP") if name == "wide" else ()
    return service(name, *ports, more=more, namespace=home)


def questions(services: Services) -> object:
    """Return all that may be asked of services, without who is the same object."""
    return (
        services.all,
        services.by_host,
        services.exported,
        services.selecting,
        [services.places[id(each)] for each in services.all],
        services.answering,
        [services.answers[id(each)] for each in services.all],
        len(services.places),
        len(services.answers),
    )


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_services_are_arranged_as_if_they_were_read_at_once(
    seed: int, *, automatic: bool
) -> None:
    rng, config = Random(seed), MeshConfig()  # noqa: S311 - a test that repeats itself
    other = MeshConfig(features=Features(ip_autoallocate=not automatic))
    mesh, before, stepped = Mesh(), index(Mesh(), config), 0
    for number in range(STEPS):
        for _ in range(rng.choice((1, 1, 2))):
            mesh = edited(mesh, rng)
        mesh = mesh.at(Epoch("e"), Revision(number + 1))
        said = other if number == STEPS // 2 else config
        more = FOREIGN if number % 9 == 0 else ()
        now, anew = index(mesh, said, more, before), index(mesh, said, more)
        assert questions(now.services) == questions(anew.services), number
        stepped += bool(moved(before.services, now.services).pairs)
        before = now
    assert stepped, "nothing was alike"


def seen(scope: Scope) -> object:
    return (
        scope.egress,
        [*scope.services.items()],
        [*scope.rules.items()],
        scope.sidecar,
        scope.delegates,
        scope.gateways,
    )


@pytest.mark.parametrize("seed", range(12))
def test_what_is_seen_again_is_what_would_be_seen_anew(seed: int) -> None:
    rng, config = Random(seed), MeshConfig()  # noqa: S311 - a test that repeats itself
    mesh, stepped, anew = Mesh(), 0, 0
    for each in SEEN:
        mesh = mesh.put(aged(each))
    groups = some_proxies()[:8]
    before: Index = index(mesh, config)
    known = {group: outward(before, group) for group in groups}
    for number in range(STEPS):
        for _ in range(rng.choice((1, 1, 2))):
            mesh = edited(mesh, rng)
        mesh = mesh.at(Epoch("e"), Revision(number + 1))
        now = index(mesh, config, before=before)
        step = change(before, now).stepped
        for group in groups:
            wanted = outward(now, group)
            found = again(known[group], now, group, step) if step else None
            if found is not None:
                assert seen(found) == seen(wanted), (number, group)
                assert (found.index, found.group) == (now, group)
                stepped += 1
            anew += bool(step and found is None)
            known[group] = found or wanted
        before = now
    assert stepped
    assert anew


SELECTING = "resolution: STATIC, workloadSelector: {labels: {app: %s}}"


def test_only_who_answers_otherwise_stands_for_another() -> None:
    text = service("web", more=SELECTING % "web") + service("db", more=SELECTING % "db")
    mesh = Mesh()
    for each in map(aged, resources(text)):
        mesh = mesh.put(each)
    before = index(mesh, MeshConfig())
    (joins,) = resources(
        the("WorkloadEntry", "w", "address: 10.0.0.9, labels: {app: web}")
    )
    mesh = mesh.put(joins).at(Epoch("e"), Revision(9))
    pairs = moved(before.services, index(mesh, MeshConfig(), (), before).services).pairs
    assert [old.name for old, _ in pairs or ()] == ["web.default.svc.cluster.local"]


def test_who_sees_anothers_of_that_name_need_not_look_anew() -> None:
    host, mesh = "shared.example.com", Mesh()
    group = some_proxies()[0]
    for home in ("default", "prod"):
        (each,) = resources(service(host, namespace=home))
        mesh = mesh.put(aged(each))
    before = index(mesh, MeshConfig())
    seen_ = outward(before, group)
    more = "resolution: STATIC, endpoints: [{address: 10.0.0.9}]"
    for home in ("default", "prod"):
        (each,) = resources(service(host, more=more, namespace=home))
        now = index(mesh.put(aged(each)), MeshConfig(), before=before)
        step = change(before, now).stepped
        assert step is not None
        found = again(seen_, now, group, step)
        assert found is not None
        assert seen(found) == seen(outward(now, group))
