from __future__ import annotations

import pytest

from meltemi.ctl.lens.caller import HTTP_ALPN, TCP_ALPN, Caller, Door, caller, hello
from meltemi.ctl.lens.proxies import UnknownProxyError
from meltemi.ctl.lens.world import World, written
from meltemi.kernel.identity import InvalidIdentityError
from meltemi.testkit.bookinfo import MESH

REVIEWS = "reviews.default.svc.cluster.local"
DOOR = Door(REVIEWS, 9080, "10.0.0.2", 9080, bytes_only=False)
ME = "spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
SNI = f"outbound_.9080_._.{REVIEWS}"


def world(more: str = "") -> World:
    return written([("mesh.yaml", (MESH + more).encode())], namespace="default")


def test_a_caller_is_a_workload_an_identity_or_an_address() -> None:
    mesh = world()
    known = caller(mesh, "productpage-v1", "")
    assert (known.principal, known.address) == (ME, "10.0.0.1")
    assert caller(mesh, "productpage-v1", "10.9.9.9").address == "10.9.9.9"
    assert caller(mesh, ME, "") == Caller(ME, "")
    assert caller(mesh, "192.0.2.1", "") == Caller("", "192.0.2.1")
    with pytest.raises(UnknownProxyError):
        caller(mesh, "nobody", "")
    with pytest.raises(InvalidIdentityError):
        caller(mesh, "spiffe://cluster.local/admin", "")


def test_who_has_no_certificate_says_nothing_and_who_has_shows_it() -> None:
    assert hello(world(), Caller("", "192.0.2.1"), DOOR) is None
    said = hello(world(), Caller(ME, ""), DOOR)
    assert said
    assert (said.server_name, said.principal, said.alpn) == (SNI, ME, HTTP_ALPN)


def test_a_sidecar_uses_mutual_tls_unless_it_is_told_not_to() -> None:
    mesh = world()
    said = hello(mesh, caller(mesh, "productpage-v1", ""), DOOR)
    assert said
    assert (said.server_name, said.principal) == (SNI, ME)
    plain = world("""\
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain, namespace: default}
spec: {host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}
""")
    assert hello(plain, caller(plain, "productpage-v1", ""), DOOR) is None


def test_a_sidecar_passes_on_what_it_knows_no_service_for() -> None:
    mesh = world()
    nowhere = Door("", 9999, "10.0.0.2", 9999, bytes_only=True)
    assert hello(mesh, caller(mesh, "productpage-v1", ""), nowhere) is None
    assert nowhere.alpn == TCP_ALPN


def test_an_endpoint_behind_a_gateway_is_called_by_mutual_tls() -> None:
    mesh = world()
    far = Door(REVIEWS, 9080, "172.16.0.9", 9080, bytes_only=False)
    said = hello(mesh, caller(mesh, "productpage-v1", ""), far)
    assert said
    assert said.certificate
