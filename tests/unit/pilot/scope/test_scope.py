from __future__ import annotations

import pytest

from meltemi.testkit.small_mesh import service, sidecar, the, to

OWN = "exportTo: ['.'], resolution: STATIC, endpoints: [{address: 10.0.1.1}]"
VICTIM = "victim.b.svc.cluster.local"
MESH = (
    service("victim", more=OWN, namespace="b")
    + service("thief", namespace="a")
    + the(
        "VirtualService",
        "hijack",
        f"hosts: [{VICTIM}], http: [{to('thief.a.svc.cluster.local')}]",
        "a",
    )
)


@pytest.mark.parametrize("namespace", ["a", "c"])
def test_t3_a_host_that_is_private_to_a_namespace_is_known_in_no_other(
    namespace: str,
) -> None:
    held = sidecar(MESH, namespace=namespace)
    assert not any(VICTIM in name for name in held.clusters)


def test_t3_its_own_namespace_is_not_led_astray_by_anothers_route() -> None:
    private = MESH.replace("hosts: [victim", "exportTo: ['.'], hosts: [victim")
    held = sidecar(private, namespace="b")
    assert any(VICTIM in name for name in held.clusters)
    (found,) = (
        each
        for table in held.routes.values()
        for each in table.virtual_hosts
        if VICTIM in each.domains
    )
    assert VICTIM in found.routes[0].route.cluster
