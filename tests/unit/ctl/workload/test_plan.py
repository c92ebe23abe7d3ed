from __future__ import annotations

import json
from pathlib import Path

from meltemi.credentials.invitation import Invitation
from meltemi.ctl.workload.holder import Holder
from meltemi.ctl.workload.plan import (
    PORTS,
    Place,
    agent_environ,
    application_environ,
)
from meltemi.ctl.workload.wish import Port, Upstream, Wish, health_of
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import Address, read_settings

INVITATION = Invitation(
    "mesh.example", "10.0.0.1:15012", "10.0.0.1:15013", ("10.0.0.1:15011",), ("PEM",)
)
PLACE = Place(
    Path("/s/w"), dict(zip(PORTS, (1, 2, 3), strict=True)), "https://g", "/ca.pem"
)
WISH = Wish(
    name="cart-1",
    service="cart",
    port=Port(80, "http-web"),
    application=Address("127.0.0.1", 8080),
    address="10.0.0.7",
    labels={"version": "v2"},
    group="carts",
    upstreams=(Upstream("db", 5432, Address("127.0.0.1", 15432)),),
    node="n7",
    health=health_of("http:/healthz", Port(80)),
)
HOLDER = Holder("shop", "cart-sa")


def test_an_agent_is_told_all_it_needs_and_not_the_token() -> None:
    environ = agent_environ(WISH, HOLDER, INVITATION, PLACE)
    settings = read_settings(AgentSettings, environ)
    assert str(settings.identity) == "spiffe://mesh.example/ns/shop/sa/cart-sa"
    assert settings.labels == {"app": "cart", "version": "v2"}
    assert settings.entry_ports == {"http-web": 3}
    assert settings.instance_ip == "10.0.0.7"
    assert (settings.group, settings.node) == ("carts", "n7")
    assert settings.token_file == Path("/s/w/token")
    assert [str(each) for each in settings.pilots] == ["10.0.0.1:15011"]
    assert settings.galley_ca_file == Path("/ca.pem")
    assert settings.health_probe == WISH.health
    assert json.loads(environ["AGENT_EXPLICIT"]) == {
        "inbound": "10.0.0.7:3",
        "apps": {"80": "127.0.0.1:8080"},
        "outbound": {"db.shop.svc.mesh.example:5432": "127.0.0.1:15432"},
    }


def test_an_application_gets_its_owners_variables_and_not_the_token() -> None:
    own = {"HOME": "/home/ann", "MELTEMI_TOKEN": "secret"}
    assert application_environ(WISH, PLACE, own) == {
        "HOME": "/home/ann",
        "PORT": "8080",
        "DB_SERVICE_HOST": "127.0.0.1",
        "DB_SERVICE_PORT": "15432",
        "SPIFFE_ENDPOINT_SOCKET": "unix:///s/w/run/sds.sock",
    }
    assert application_environ(WISH, PLACE, {"PORT": "9"})["PORT"] == "9"
