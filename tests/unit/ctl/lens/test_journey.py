from __future__ import annotations

from dataclasses import replace

import pytest

from meltemi.ctl.lens.address import UnknownHostError
from meltemi.ctl.lens.journey import dialled
from meltemi.ctl.lens.proxies import gateway, named
from meltemi.ctl.lens.world import World, written
from meltemi.pilot.scope.proxy import Bind, Explicit, Proxy
from meltemi.pilot.trace import Call, Http
from meltemi.testkit.bookinfo import MESH

HOST = "reviews.default.svc.cluster.local"
AT = Bind("127.0.0.1", 25000)
HTTP = Call("reviews", 9080, http=Http("reviews:9080", "/"))
TCP = Call("reviews", 9080)


@pytest.fixture
def world() -> World:
    return written([("mesh.yaml", MESH.encode())], namespace="default")


def told(world: World, explicit: Explicit) -> Proxy:
    captured = named(world, "productpage-v1")
    return replace(captured, group=replace(captured.group, explicit=explicit))


def test_a_captured_client_connects_to_the_port_of_the_service(world: World) -> None:
    call = dialled(world, named(world, "productpage-v1"), HTTP)
    assert call.port == 9080
    assert call.address not in ("reviews", AT.address)


def test_a_client_that_is_told_an_address_connects_there(world: World) -> None:
    who = told(world, Explicit(outbound=((f"{HOST}:9080", AT),)))
    assert dialled(world, who, TCP) == replace(TCP, address=AT.address, port=AT.port)


def test_other_requests_go_by_the_http_proxy_and_other_bytes_nowhere(
    world: World,
) -> None:
    who = told(world, Explicit(http_proxy=AT))
    assert dialled(world, who, HTTP) == replace(HTTP, address=AT.address, port=AT.port)
    with pytest.raises(UnknownHostError, match=f"{HOST}:9080: it knows no service"):
        dialled(world, who, TCP)


def test_a_gateway_is_called_where_it_was_told_to_listen(world: World) -> None:
    front = gateway(world, "front", {})
    assert dialled(world, front, Call("a.io", 80)) == Call("127.0.0.1", 80)
    explicit = Explicit(gateway=((80, AT),))
    front = replace(front, group=replace(front.group, explicit=explicit))
    assert dialled(world, front, Call("a.io", 80)) == Call(AT.address, AT.port)
    assert dialled(world, front, Call("a.io", 81)) == Call("127.0.0.1", 81)
