"""What listens for a workload on the ports that a Sidecar names."""

from __future__ import annotations

import pytest

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.latest import Latest
from meltemi.pilot.scope.proxy import proxy
from meltemi.testkit.alike import snapshots
from meltemi.testkit.mesh import resources
from meltemi.testkit.small_mesh import the
from meltemi.testkit.translation import holding
from meltemi.xds.types import TypeUrl

PORT = "port: {number: 80, name: http, protocol: HTTP}"


@pytest.mark.parametrize(
    ("address", "more", "name"),
    [
        ("10.0.0.1", "", "10.0.0.1_80"),
        ("10.0.0.1", "bind: 10.0.0.9, ", "10.0.0.9_80"),
        ("", "", "0.0.0.0_80"),
    ],
)
def test_a_port_is_bound_as_said_or_at_the_workload_or_everywhere(
    address: str, more: str, name: str
) -> None:
    spec = f"ingress: [{{{PORT}, {more}defaultEndpoint: '127.0.0.1:8080'}}]"
    (sidecar,) = resources(the("Sidecar", "in", spec))
    mesh = holding((sidecar,)).at(Epoch("e"), Revision(1))
    node = f"sidecar~{address}~a.default~default.svc.cluster.local"
    metadata = {"NAMESPACE": "default", "INTERCEPTION_MODE": "NONE"}
    made = snapshots(Latest(mesh)).of(proxy(node, metadata).group)
    assert made is not None
    assert name in made.resources[TypeUrl.LISTENER]
