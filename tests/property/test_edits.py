"""An edit makes again what it reaches, and nothing stays that it should have reached."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.latest import Latest
from meltemi.testkit.alike import MESH, bodies, snapshots, some_proxies
from meltemi.testkit.mesh import aged, resources
from meltemi.testkit.small_mesh import service, the
from meltemi.testkit.translation import holding, translated

EDITS = 40

LISTED = resources(
    the(
        "Sidecar",
        "listed",
        "ingress: [{port: {number: 80, name: http, protocol: HTTP}, "
        "defaultEndpoint: '127.0.0.1:8080'}]",
        "prod",
    )
)
"""What arrives there is counted for the service that selects the workload."""


def answering(rng: Random) -> str:
    """Return a service, or a group, that concerns some of the proxies' workloads."""
    home = rng.choice(("default", "prod"))
    port = rng.choice(("80 http HTTP", "81 tcp TCP", "82 grpc GRPC"))
    name = rng.choice(("one", "two", "three"))
    if rng.random() < 0.2:
        labels = f"labels: {{app: {rng.choice(('reviews', 'other'))}}}"
        return the("WorkloadGroup", "shops", f"metadata: {{{labels}}}, template: {{}}")
    if rng.random() < 0.3:
        app = rng.choice(("reviews", "ratings"))
        more = f"resolution: STATIC, workloadSelector: {{labels: {{app: {app}}}}}"
        return service(name, more=more, namespace=home)
    address = f"10.1.0.{rng.randrange(4)}"
    more = f"resolution: STATIC, endpoints: [{{address: {address}}}]"
    return service(name, port, more=more, namespace=home)


def test_what_a_workload_answers_for_follows_every_edit() -> None:
    rng = Random(5)  # noqa: S311 - a test that repeats itself
    mesh = holding((*MESH, *LISTED))
    cell = Latest(mesh)
    shared, groups = snapshots(cell), some_proxies()[:8]
    member = replace(groups[0].node, group="shops")
    groups.append(replace(groups[0], labels=(), node=member))
    for number in range(EDITS):
        (each,) = resources(answering(rng))
        mesh = mesh.drop(each.key) if rng.random() < 0.3 else mesh.put(each)
        mesh = mesh.at(Epoch("cafe"), Revision(10 + number))
        cell.set(mesh)
        for group in groups:
            assert bodies(shared.of(group)) == bodies(translated(mesh, group)), number


SIDE_BY_SIDE = resources(
    the(
        "Sidecar",
        "by-label",
        "workloadSelector: {labels: {version: v2}}, egress: [{hosts: ['./*']}]",
    )
    + "".join(
        service(
            name,
            port,
            more=f"resolution: {resolution}, "
            f"workloadSelector: {{labels: {{app: {name}}}}}",
        )
        for name, port, resolution in (
            ("web", "80 http HTTP", "STATIC"),
            ("plain", "90 tcp TCP", "STATIC"),
            ("headless", "91 tcp TCP", "NONE"),
        )
    )
)


def answering_elsewhere(rng: Random) -> str:
    """Return a workload that answers for a service, somewhere."""
    app, number = rng.choice(("web", "plain", "headless")), rng.randrange(3)
    spec = f"address: 10.2.0.{rng.randrange(5)}, labels: {{app: {app}}}"
    return the("WorkloadEntry", f"w{number}", spec)


def test_who_answers_changes_no_more_than_it_would_alone() -> None:
    rng = Random(7)  # noqa: S311 - a test that repeats itself
    mesh = holding((*MESH, *SIDE_BY_SIDE))
    cell = Latest(mesh)
    shared, groups = snapshots(cell), some_proxies()
    for number in range(EDITS):
        mesh = mesh.put(*resources(answering_elsewhere(rng)))
        mesh = mesh.at(Epoch("cafe"), Revision(10 + number))
        cell.set(mesh)
        for group in rng.sample(groups, 6):
            assert bodies(shared.of(group)) == bodies(translated(mesh, group)), number


def joined_or_narrow(rng: Random) -> str:
    """Return a service that is seen in part, or put together with another, answered."""
    address = f"{{address: 10.3.0.{rng.randrange(9)}}}"
    more = f"resolution: STATIC, endpoints: [{address}]"
    host = "joined.prod.svc.cluster.local"
    return rng.choice(
        (
            service(host, "80 http HTTP", more=more, namespace="prod"),
            service(host, "81 tcp TCP", more=more, namespace="prod").replace(
                f"name: {host}", "name: more"
            ),
            service("wide", "80 http HTTP", "81 tcp TCP", more=more, namespace="prod"),
        )
    )


SEEN_IN_PART = resources(
    the(
        "Sidecar",
        "by-port",
        "workloadSelector: {labels: {version: v2}}, egress: [{hosts: ['prod/*'], "
        "port: {number: 80, name: http, protocol: HTTP}}]",
    )
    + the("Sidecar", "sent-to", "egress: [{hosts: ['./*']}]")
    + the(
        "VirtualService",
        "sends",
        "hosts: [reviews.default.svc.cluster.local], http: [{route: [{destination: "
        "{host: wide.prod.svc.cluster.local, port: {number: 80}}}]}]",
    )
)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_seen_in_part_or_joined_follows_who_answers(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - a test that repeats itself
    first = [*resources("".join(joined_or_narrow(rng) for _ in range(12)))]
    mesh = holding((*MESH, *map(aged, first), *SEEN_IN_PART))
    cell = Latest(mesh)
    shared, groups = snapshots(cell), some_proxies()
    for number in range(EDITS):
        (each,) = resources(joined_or_narrow(rng))
        mesh = mesh.put(aged(each)).at(Epoch("cafe"), Revision(10 + number))
        cell.set(mesh)
        for group in rng.sample(groups, 6):
            assert bodies(shared.of(group)) == bodies(translated(mesh, group)), number


def ruling(rng: Random) -> str:
    """Return a VirtualService with other rules, or of whom they are lent."""
    status = rng.choice((404, 418, 503))
    answer = f"directResponse: {{status: {status}}}"
    if rng.random() < 0.2:
        return the("VirtualService", "lent", f"http: [{{{answer}}}]")
    weight, home = rng.randrange(1, 100), rng.choice(("default", "prod"))
    to = ", ".join(
        f"{{destination: {{host: {host}.svc.cluster.local}}, weight: {each}}}"
        for host, each in (("ratings.prod", weight), ("web.default", 100 - weight))
    )
    rules = rng.choice(
        (
            f"{{route: [{to}]}}",
            (
                f"{{match: [{{sourceLabels: {{app: ratings}}}}], {answer}}}, "
                f"{{route: [{to}]}}"
            ),
            f"{{match: [{{sourceNamespace: prod}}], {answer}}}, {{route: [{to}]}}",
            "{match: [{uri: {prefix: /a}}], delegate: {name: lent, namespace: default}}",
        )
    )
    host = f"{rng.choice(('reviews', 'web'))}.default.svc.cluster.local"
    if rng.random() < 0.1:
        host = "elsewhere.example.com"
    return the("VirtualService", "ruled", f"hosts: [{host}], http: [{rules}]", home)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_rules_change_no_more_than_they_would_alone(seed: int, *, narrow: bool) -> None:
    rng = Random(seed)  # noqa: S311 - a test that repeats itself
    sides = SIDE_BY_SIDE if narrow else SIDE_BY_SIDE[1:]
    mesh = holding((*MESH, *sides))
    cell = Latest(mesh)
    shared, groups = snapshots(cell), some_proxies()
    for number in range(EDITS):
        for _ in range(rng.choice((1, 1, 2))):
            edit = ruling if rng.random() < 0.7 else answering_elsewhere
            mesh = mesh.put(*resources(edit(rng)))
        mesh = mesh.at(Epoch("cafe"), Revision(10 + number))
        cell.set(mesh)
        for group in rng.sample(groups, 6):
            assert bodies(shared.of(group)) == bodies(translated(mesh, group)), number


def test_who_stood_together_part_where_a_rule_tells_them_apart() -> None:
    (apart, *services) = SIDE_BY_SIDE
    mesh = holding((*MESH, *services))
    cell = Latest(mesh)
    shared, groups = snapshots(cell), some_proxies()[:8]
    for number, edited in enumerate((mesh, mesh.put(apart), mesh)):
        cell.set(edited.at(Epoch("cafe"), Revision(10 + number)))
        for group in groups:
            assert bodies(shared.of(group)) == bodies(translated(edited, group)), group
