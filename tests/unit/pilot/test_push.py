from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.kernel.clock import SystemClock
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot import push, sharing
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.push import Snapshots
from meltemi.pilot.scope.proxy import proxy
from meltemi.testkit.authority import NOON
from meltemi.testkit.fakes.clock import StillClock
from meltemi.testkit.mesh import mesh
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    import pytest

GROUP = proxy(
    "sidecar~127.0.0.1~a.default~default.svc.cluster.local",
    {"MELTEMI_EXPLICIT": {"http_proxy": "127.0.0.1:15080"}},
).group
OTHER = replace(GROUP, namespace="other")
SERVICE = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews}
    spec:
      hosts: [reviews.default.svc.cluster.local]
      resolution: DNS
      ports: [{number: 9080, name: http, protocol: HTTP}]
    """


def made(cell: Latest[Mesh], metrics: Metrics) -> Snapshots:
    return Snapshots(cell, MeshConfig(), SystemClock(), metrics)


def test_before_the_first_mesh_there_is_nothing_to_send() -> None:
    assert made(Latest(Mesh()), Metrics()).of(GROUP) is None


def test_a_class_is_computed_once_a_revision() -> None:
    snapshots = made(Latest(mesh(SERVICE)), Metrics())
    first = snapshots.of(GROUP)
    assert first is not None
    assert list(first.versions[TypeUrl.CLUSTER]) == [
        "outbound|9080||reviews.default.svc.cluster.local"
    ]
    assert snapshots.of(GROUP) is first


def test_a_bug_in_translation_keeps_what_the_class_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell, metrics = Latest(mesh(SERVICE)), Metrics()
    snapshots = made(cell, metrics)
    before = snapshots.of(GROUP)

    def broken(_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(sharing, "besides", broken)
    cell.set(mesh(SERVICE).at(Epoch("cafe"), Revision(9)))
    assert snapshots.of(GROUP) is before, "reliability F-32"
    failures = metrics.registry.get_sample_value(
        "meltemi_pilot_snapshot_failures_total"
    )
    assert failures == 1


def test_a_class_nobody_is_of_is_remembered_for_a_while_and_forgotten() -> None:
    clock = StillClock(NOON)
    snapshots = Snapshots(Latest(mesh(SERVICE)), MeshConfig(), clock, Metrics())
    before = snapshots.of(GROUP)
    snapshots.forget(GROUP)
    clock.advance(push.LINGER_SECONDS - 1)
    assert snapshots.of(GROUP) is before, "a proxy that lost its stream is back"
    snapshots.forget(GROUP)
    clock.advance(push.LINGER_SECONDS)
    snapshots.forget(OTHER)
    assert snapshots.of(GROUP) is not before


def test_of_many_classes_nobody_is_of_the_oldest_are_forgotten() -> None:
    clock = StillClock(NOON)
    snapshots = Snapshots(Latest(mesh(SERVICE)), MeshConfig(), clock, Metrics())
    before = snapshots.of(GROUP)
    snapshots.forget(GROUP)
    for number in range(push.MOST_EMPTY):
        snapshots.forget(replace(GROUP, dns_domain=f"d{number}"))
    assert snapshots.of(GROUP) is not before


def test_equal_meshes_make_equal_bytes() -> None:
    one = made(Latest(mesh(SERVICE)), Metrics()).of(GROUP)
    other = made(Latest(mesh(SERVICE)), Metrics()).of(GROUP)
    assert one is not None
    assert one == other


def test_what_a_resource_was_before_can_still_be_sent() -> None:
    cell = Latest(mesh(SERVICE))
    snapshots = made(cell, Metrics())
    before = snapshots.of(GROUP)
    cell.set(
        mesh(SERVICE.replace("DNS", "DNS_ROUND_ROBIN")).at(Epoch("cafe"), Revision(9))
    )
    after = snapshots.of(GROUP)
    assert before is not None
    assert after is not None
    ((name, old),) = before.resources[TypeUrl.CLUSTER].items()
    assert after.retired[TypeUrl.CLUSTER][name] == {old.version: old}
    assert after.versions[TypeUrl.CLUSTER][name] != old.version
