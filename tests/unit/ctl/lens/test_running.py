from __future__ import annotations

from meltemi.ctl.lens.running import proxy_in
from meltemi.pilot.ir import Locality
from meltemi.pilot.scope.proxy import Bind

NODE = {
    "id": "sidecar~127.0.0.1~a-v1.shop~shop.svc.cluster.local",
    "metadata": {
        "NAMESPACE": "shop",
        "LABELS": {"app": "a"},
        "SERVICE_ACCOUNT": "a",
        "MELTEMI_EXPLICIT": {"inbound": "127.0.0.1:5"},
    },
    "locality": {"region": "r", "zone": "z"},
    "user_agent_name": "envoy",
}


def test_a_proxy_is_what_its_envoy_says_it_is() -> None:
    found = proxy_in({"configs": [{}, {"bootstrap": {"node": NODE}}]})
    assert found.name == "a-v1.shop"
    assert found.group.explicit.inbound == Bind("127.0.0.1", 5)
    assert found.group.labels == (("app", "a"),)
    assert found.group.locality == Locality("r", "z", "")
