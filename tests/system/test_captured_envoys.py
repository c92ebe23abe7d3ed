"""Captured traffic between real Envoys, by either program and in both modes.

And where nobody is root: in a user namespace, whose proxy is known by a mark.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from meltemi.ctl.galley.text import texts
from meltemi.ctl.lens.proxies import named
from meltemi.ctl.lens.world import World, written
from meltemi.ctl.local.pods.trial import trouble
from meltemi.ctl.local.record import Mode
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Epoch, Namespace, Revision
from meltemi.pilot.model.features import Features
from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh_config import ISTIO_DEFAULTS, MeshConfig
from meltemi.pilot.scope.node import Interception
from meltemi.testkit.authority import authority, credential
from meltemi.testkit.lab import Lab, start
from meltemi.testkit.namespaces import missing, network, user_namespace
from meltemi.testkit.up import eventually, no_other_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meltemi.testkit.processes import Program

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(missing()), reason=missing() or "never"),
]

MESH = Path(__file__).parent / "captured" / "mesh.yaml"
ADDRESSES = {
    "caller": "10.77.0.2",
    "server": "10.77.0.3",
    "strict": "10.77.0.4",
    "bare": "10.77.0.5",
}
PROXIED = ("caller", "server", "strict")
SERVED = ["http:9080", "tcp:9090"]
VIPS = {
    "server": "10.88.0.1",
    "strict": "10.88.0.2",
    "mixed": "10.88.0.3",
    "claimed": "10.88.0.4",
}
HANDED = "127.0.0.6"
"""Whence Envoy calls its application where it is not to be the caller's address."""
CLOSED = "closed"


WHY_ROOT = no_other_user() or trouble(Mode.ROOTLESS)
ROOTLESS = pytest.param(
    ("REDIRECT", True),
    id="rootless",
    marks=pytest.mark.skipif(bool(WHY_ROOT), reason=WHY_ROOT or "never"),
)
WAYS = [
    pytest.param(("REDIRECT", False), id="REDIRECT"),
    pytest.param(("TPROXY", False), id="TPROXY"),
    ROOTLESS,
]


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> tuple[str, bool]:
    """How traffic is taken, and whether nobody is root."""
    found: tuple[str, bool] = request.param
    return found


@pytest.fixture(scope="module")
def mode(way: tuple[str, bool]) -> str:
    return way[0]


@pytest.fixture(scope="module")
def envoys(
    way: tuple[str, bool], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """Four machines, three of them with an Envoy that takes connections."""
    mode, rootless = way
    folder = tmp_path_factory.mktemp("captured")
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)  # Envoy is another user
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(
            network(stack.enter_context(user_namespace()) if rootless else 0)
        )
        machines = {name: net.machine(at, six(at)) for name, at in ADDRESSES.items()}
        lab = Lab(machines, folder)
        start((*applications(lab), *proxies(lab, Interception(mode))), stack)
        yield lab


def dual_stack_logging(world: World) -> World:
    """Return ``world`` where proxies listen on both IP versions, and log."""
    at = world.mesh.at(Epoch("offline"), Revision(1))
    logging = msgspec.structs.replace(ISTIO_DEFAULTS, access_log_file="/dev/stdout")
    config = MeshConfig(logging, features=Features(dual_stack=True))
    return replace(world, index=index(at, config, ()))


def six(address: str) -> str:
    """Return the IPv6 address of who has an IPv4 ``address``."""
    return f"fd77::{address.rpartition('.')[2]}"


def applications(lab: Lab) -> Iterator[Program]:
    for name in ("server", "strict", "bare"):
        yield lab.application(name, SERVED, name)


def proxies(lab: Lab, mode: Interception) -> Iterator[Program]:
    world = dual_stack_logging(written(texts([str(MESH)]), namespace="default"))
    now = SystemClock().now()
    for name in PROXIED:
        who = named(world, name)
        both = (ADDRESSES[name], six(ADDRESSES[name]))
        group = replace(who.group, interception=mode, addresses=both)
        who = replace(who, group=group)
        identity = SpiffeId("cluster.local", Namespace("default"), name)
        shown = credential(identity, now=now, signer=authority(now=now))
        yield lab.envoy(name, world, who, shown)


@pytest.fixture(scope="module", params=["nft", "iptables"])
def lab(request: pytest.FixtureRequest, envoys: Lab, mode: str) -> Lab:
    """Return the machines with their traffic captured by one of the programs."""
    for name in PROXIED:
        words = ("--backend", request.param, "--inbound-mode", mode)
        envoys.machines[name].capture(*words)
    return envoys


def ask(address: str, host: str = "", port: int = 9080) -> dict[str, Any]:
    """Return what an application says it was asked, or the status, or that it closed."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request(
                "GET", "/", headers={"host": host or f"{address}:{port}"}
            )
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return {"status": CLOSED, "text": ""}
    if answer.status != http.HTTPStatus.OK:
        return {"status": f"{answer.status}", "text": body.decode()}
    found: dict[str, Any] = json.loads(body)
    return {"status": "200", **found}


def say(address: str, port: int = 9090) -> str:
    """Return who answers a line, or that nobody does."""
    try:
        with socket.create_connection((address, port), 5) as connection:
            connection.sendall(b"hello\n")
            return connection.recv(100).partition(b" ")[0].decode() or CLOSED
    except OSError:
        return CLOSED


def on(lab: Lab, machine: str, what: Callable[[], Any]) -> Any:
    return lab.machines[machine].call(what)


def logged(lab: Lab, machine: str, part: str) -> str:
    """Return the lines of a proxy's log with ``part``, once there is one."""

    def lines() -> list[str]:
        whole = (lab.folder / machine / "log").read_text()
        return [line for line in whole.splitlines() if part in line]

    eventually(lambda: bool(lines()), seconds=20, what=f"{machine} logs {part}")
    return "\n".join(lines())


def known_as(answer: dict[str, Any]) -> str:
    """Return whose certificate the server's proxy saw; empty: nobody's."""
    return str(answer["headers"].get("x-forwarded-client-cert", "")).rpartition("/")[2]


def test_a_service_is_reached_by_its_address_over_mutual_tls(
    lab: Lab, mode: str
) -> None:
    found = on(lab, "caller", lambda: ask(VIPS["server"], "server.default:9080"))
    assert (found["status"], found["app"], known_as(found)) == (
        "200",
        "server",
        "caller",
    )
    seen = ADDRESSES["caller"] if mode == "TPROXY" else HANDED
    assert found["peer"] == seen, "whom the application takes for its caller"


def test_an_endpoint_is_reached_at_its_own_address(lab: Lab) -> None:
    found = on(lab, "caller", lambda: ask(ADDRESSES["server"], "server.default:9080"))
    assert (found["app"], known_as(found)) == ("server", "caller")


def test_a_service_of_ipv6_is_reached_as_one_of_ipv4(lab: Lab) -> None:
    found = on(lab, "caller", lambda: ask("fd88::1", "server6.default:9080"))
    assert found["status"] == "200", found
    assert (found["status"], found["app"], known_as(found)) == (
        "200",
        "server",
        "caller",
    )


def test_bytes_of_any_protocol_are_carried(lab: Lab) -> None:
    assert on(lab, "caller", lambda: say(VIPS["server"])) == "server"
    assert on(lab, "caller", lambda: say(VIPS["strict"])) == "strict", "by mutual TLS"


def test_a_host_that_nobody_described_is_reached_as_it_is(lab: Lab) -> None:
    found = on(lab, "caller", lambda: ask(ADDRESSES["bare"]))
    assert (found["app"], known_as(found)) == ("bare", "")
    assert on(lab, "caller", lambda: say(ADDRESSES["bare"])) == "bare"


def test_mutual_tls_is_spoken_with_the_endpoints_that_speak_it(lab: Lab) -> None:
    def ask_often() -> list[dict[str, Any]]:
        return [ask(VIPS["mixed"], "mixed.default:9080") for _ in range(30)]

    seen = {(each["app"], known_as(each)) for each in on(lab, "caller", ask_often)}
    assert seen == {("server", "caller"), ("bare", "")}


def test_who_shows_another_identity_than_was_told_is_not_spoken_to(lab: Lab) -> None:
    host = "claimed.elsewhere.svc.cluster.local:9080"
    found = on(lab, "caller", lambda: ask(VIPS["claimed"], host))
    assert found["status"] == "503"
    line = logged(lab, "caller", "||claimed.elsewhere")
    assert " 503 URX,UF " in line, "no connection, and no more attempts"
    assert "verify_cert_failed:_SAN_matcher" in line


def test_plain_text_is_taken_where_that_is_permitted_and_refused_where_not(
    lab: Lab,
) -> None:
    server, strict = ADDRESSES["server"], ADDRESSES["strict"]
    assert on(lab, "bare", lambda: ask(server))["app"] == "server"
    assert on(lab, "bare", lambda: say(server)) == "server"
    found = on(lab, "caller", lambda: ask(VIPS["strict"], "strict.default:9080"))
    assert (found["app"], known_as(found)) == ("strict", "caller")
    assert on(lab, "bare", lambda: ask(strict))["status"] == CLOSED
    assert on(lab, "bare", lambda: say(strict)) == CLOSED
    assert on(lab, "bare", lambda: say(strict, 9999)) == CLOSED, "nor any other port"
    refused = logged(lab, "strict", "filter_chain_not_found")
    assert '" 0 NR filter_chain_not_found' in refused


def test_the_port_of_a_proxys_own_metrics_is_not_captured(lab: Lab) -> None:
    strict = ADDRESSES["strict"]
    taken = on(lab, "bare", lambda: socket.create_connection((strict, 9999), 5))
    taken.close()  # by the proxy, which then finds nobody there
    with pytest.raises(ConnectionRefusedError):
        on(lab, "bare", lambda: socket.create_connection((strict, 15090), 5))


def test_tls_without_a_certificate_is_refused_under_strict(lab: Lab) -> None:
    def greet() -> bytes:
        context = ssl._create_unverified_context()  # noqa: S323 - ours is what matters
        context.set_alpn_protocols(["istio"])
        name = "outbound_.9080_._.strict.default.svc.cluster.local"
        with (
            socket.create_connection((ADDRESSES["strict"], 9080), 5) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            secured.sendall(b"GET / HTTP/1.1\r\nhost: strict\r\n\r\n")
            return secured.recv(100)

    with pytest.raises(OSError, match=r"SSL|reset|EOF"):
        on(lab, "bare", greet)


@pytest.mark.parametrize("address", ["127.0.0.1", ADDRESSES["server"]])
def test_who_calls_itself_meets_no_proxy(lab: Lab, address: str) -> None:
    found = on(lab, "server", lambda: ask(address))
    assert (found["app"], found["peer"]) == ("server", address)
    assert "x-request-id" not in found["headers"]


def test_who_calls_its_own_service_comes_in_as_from_outside(lab: Lab) -> None:
    found = on(lab, "server", lambda: ask(VIPS["server"], "server.default:9080"))
    assert (found["app"], known_as(found)) == ("server", "server")
