"""A compose file that nobody here has seen, injected: its services are in the mesh.

What the containers would run is run on machines of a test: the namespace's owner, the
agent with its Envoy, and the applications, which know nothing of all that. A machine
of a test is root's, so the proxy is told apart by that user instead of 1337.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meltemi.injector.compose.project import services_of
from meltemi.injector.compose.tree import tree_of
from meltemi.testkit import namespaces
from meltemi.testkit.compose_files import agent_environs
from meltemi.testkit.far_mesh import FarMesh
from meltemi.testkit.namespaces import Machine, network
from meltemi.testkit.processes import Program, python, running
from meltemi.testkit.up import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.injector.compose.value import Services

APPLICATION = 1000
"""The user of the applications."""
PYTHON = "/usr/bin/python3"

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing()),
    pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"no {PYTHON} for them"),
]

COMPOSE = """\
# A voting application of somebody else's.
services:
  ballot:
    image: example/ballot
    environment: {VOTES: "http://votes:8000"}
    ports: ["8081:8081"]
    depends_on: [votes]
  votes:
    image: example/votes
    container_name: ballot-box
    hostname: votes.example
    expose: ["8000"]
    healthcheck:
      test: curl --fail http://localhost:8000/ || exit 1
      interval: 1s
      retries: 2
"""
STRICT = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""
SERVER = """
import http.server, socket
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        caller = self.headers.get("x-forwarded-client-cert", "nobody")
        self.send_response(200); self.end_headers(); self.wfile.write(caller.encode())
class Server(http.server.HTTPServer):
    address_family = socket.AF_INET6 # and IPv4 with it
Server(("::", 8000), App).serve_forever()
"""
RESOLVE = """
import socket, sys
print(socket.getaddrinfo(sys.argv[1], 0, int(sys.argv[2]))[0][4][0])
"""
FAMILIES = ("IPv4", "IPv6")
OF_THE_MESH = ("240.240.", "2001:2:")
CUT = ("Connection reset by peer", "closed connection without response")
CONNECT = """
import socket, sys
try: socket.create_connection(("127.0.0.1", int(sys.argv[1])), 3)
except OSError: print("nobody")
"""
CALL = """
import sys, urllib.request as u
print(u.urlopen(sys.argv[1], timeout=5).read().decode())
"""


@dataclass(frozen=True)
class Injected:
    """The mesh, and where the services of the file run."""

    mesh: FarMesh
    folder: Path
    services: Services
    environs: dict[str, dict[str, str]]

    def holder(self, machine: Machine, name: str) -> Program:
        """Return what the owner of a namespace runs, with its one capability."""
        words = list(map(str, self._list(f"{name}-pod", "command")))
        ready = self.folder / f"{name}.captured"
        bare = ["setpriv", "--bounding-set=-all,+net_admin", "--no-new-privs"]
        told = [each for each in words if "--ready-file" not in each]
        more = ["--ready-file", str(ready), "--proxy-uid", "0"]
        argv = [*bare, *python("meltemi.ctl"), *told, *more]
        log = self.folder / f"{name}-pod.log"
        return Program(machine.argv(argv), ready.exists, log)

    def proxy(self, machine: Machine, name: str, **more: str) -> Program:
        """Return the agent, its files where they are without containers.

        ``more`` are settings of its own, ``AGENT_`` left out.
        """
        environ = {
            **self.environs[name],
            "AGENT_TOKEN_FILE": str(self.folder / "tokens" / f"{name}.token"),
            "AGENT_ROOT_CERT_FILE": str(self.folder / "tokens" / "roots.pem"),
            "AGENT_GALLEY_CA_FILE": str(self.mesh.ca),
            "AGENT_RUN_DIR": str(self.folder / name),
            "PATH": os.defpath,
            **{f"AGENT_{key}": each for key, each in more.items()},
        }
        log = self.folder / f"{name}-proxy.log"
        argv = machine.argv(python("meltemi.proxy"))
        port = environ["AGENT_STATUS_ADDRESS"].rpartition(":")[2]
        return Program(argv, lambda: self._is_ready(machine, port), log, environ)

    def server(self, machine: Machine) -> Program:
        """Return the application that is called."""
        argv = machine.argv([PYTHON, "-c", SERVER], user=APPLICATION)
        return Program(argv, lambda: True, self.folder / "votes.log")

    def _is_ready(self, machine: Machine, port: str) -> bool:
        url = f"http://127.0.0.1:{port}/healthz/ready"
        return call(machine, url, user=0).returncode == 0

    def _list(self, service: str, key: str) -> list[object]:
        found = self.services[service][key]
        return list(found) if isinstance(found, list) else []


def call(
    machine: Machine, url: str, *, user: int = APPLICATION
) -> subprocess.CompletedProcess[str]:
    return run(machine, CALL, url, user=user)


def reaching(machine: Machine, url: str) -> None:
    eventually(
        lambda: call(machine, url).returncode == 0,
        seconds=30,
        what=f"{url} is reached",
    )


def run(
    machine: Machine, code: str, *words: str, user: int = APPLICATION
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        machine.argv([PYTHON, "-c", code, *words], user=user),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def address(machine: Machine, family: socket.AddressFamily) -> str:
    return machine.address if family is socket.AF_INET else machine.address6


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def resolver(machine: Machine) -> Iterator[None]:
    """Give a machine a nameserver that nobody is."""
    folder = Path("/etc/netns", machine.name)
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text("nameserver 10.77.2.99\n")
    try:
        yield
    finally:
        shutil.rmtree(folder)


def injected(mesh: FarMesh, folder: Path) -> Injected:
    """Inject the file, and apply the services that it has."""
    (folder / "compose.yaml").write_text(COMPOSE)
    made, services = folder / "mesh.yaml", folder / "services.yaml"
    where = ("--joining", mesh.url, "--ca", str(mesh.ca), "--galley", mesh.url)
    files = ("-f", str(folder / "compose.yaml"), "-o", str(made))
    out = ("--services", str(services), "--tokens", str(folder / "tokens"))
    mesh.do("inject", *files, *where, *out)
    mesh.do("apply", "-f", str(services))
    text = made.read_text()
    environs = {each["AGENT_NAME"]: dict(each) for each in agent_environs(text)}
    return Injected(mesh, folder, services_of(tree_of(text, "f"), "f"), environs)


@pytest.fixture(scope="module")
def project() -> Iterator[tuple[Injected, Machine, Machine]]:
    with (
        network() as net,
        tempfile.TemporaryDirectory(prefix="mi-", ignore_cleanup_errors=True) as name,
    ):
        mesh = FarMesh(net.machine("10.77.2.2", "fd77::2"), Path(name) / "mesh")
        ballot = net.machine("10.77.2.3", "fd77::3")
        votes = net.machine("10.77.2.4", "fd77::4")
        try:
            mesh.up()
            mesh.do("apply", "-f", "-", stdin=STRICT)
            with running(mesh.galley()), resolver(ballot), resolver(votes):
                yield injected(mesh, Path(name)), ballot, votes
        finally:
            mesh.do("down", "--purge")


@contextlib.contextmanager
def voting(
    project: tuple[Injected, Machine, Machine], family: socket.AddressFamily
) -> Iterator[None]:
    """Run all that the injected file has, its proxies at addresses of ``family``."""
    made, _, votes = project
    with running(made.server(votes)), proxied(project, family):
        yield


@contextlib.contextmanager
def proxied(
    project: tuple[Injected, Machine, Machine], family: socket.AddressFamily
) -> Iterator[None]:
    """Run both workloads but for their applications."""
    made, ballot, votes = project
    is_six = family is socket.AF_INET6
    here, there = (
        {"INSTANCE_IP": each.address6} if is_six else {} for each in (ballot, votes)
    )
    with (
        running(made.holder(ballot, "ballot")),
        running(made.holder(votes, "votes")),
        running(made.proxy(votes, "votes", **there)),
        running(made.proxy(ballot, "ballot", **here)),
    ):
        yield


@pytest.mark.timeout(240)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=FAMILIES)
def test_applications_call_each_other_by_name_and_only_through_the_mesh(
    project: tuple[Injected, Machine, Machine], family: socket.AddressFamily
) -> None:
    made, ballot, votes = project
    with voting(project, family):
        url = "http://votes:8000/"
        for each in ("votes", "ballot-box", "votes.example"):
            reaching(ballot, f"http://{each}:8000/")
        found = run(ballot, RESOLVE, "votes", str(int(family))).stdout.strip()
        assert found.startswith(OF_THE_MESH)
        for each in (url, f"http://{bracketed(found)}:8000/"):
            told = call(ballot, each).stdout
            assert "spiffe://cluster.local/ns/default/sa/ballot" in told, each
        there = bracketed(address(votes, family))
        plain = call(made.mesh.machine, f"http://{there}:8000/", user=0)
        assert any(each in plain.stderr for each in CUT), "plain text is refused"
        both = {"ballot.default", "votes.default"}
        eventually(
            lambda: (
                {each["name"] for each in made.mesh.json("workload", "list")} == both
            ),
            seconds=30,
            what="both are registered",
        )


@pytest.mark.timeout(240)
def test_an_application_that_fails_its_health_check_is_not_called(
    project: tuple[Injected, Machine, Machine],
) -> None:
    made, ballot, votes = project

    def answered(words: str) -> bool:
        ended = call(ballot, "http://votes:8000/")
        return words in f"{ended.stdout}{ended.stderr}"

    def wells() -> dict[str, object]:
        listed = made.mesh.json("workload", "list")
        return {each["name"]: each["well"] for each in listed}

    with proxied(project, socket.AF_INET):
        with running(made.server(votes)):
            eventually(lambda: answered("spiffe"), seconds=30, what="votes answer")
            assert wells()["votes.default"] is True
        eventually(
            lambda: wells()["votes.default"] is False,
            seconds=30,
            what="it is out after two checks",
        )
        with running(made.server(votes)):
            eventually(lambda: answered("spiffe"), seconds=30, what="it is back")


@contextlib.contextmanager
def governed_from_outside(
    project: tuple[Injected, Machine, Machine],
) -> Iterator[None]:
    """Run the applications, with both proxies on the mesh's machine."""
    made, ballot, votes = project
    with contextlib.ExitStack() as open_ones:
        for machine, name, port in ((votes, "votes", 15121), (ballot, "ballot", 15221)):
            machine.capture("--proxy-outside", "--dns")
            open_ones.callback(machine.release)
            proxy = made.proxy(
                made.mesh.machine,
                name,
                APPLICATION_NETNS=f"/run/netns/{machine.name}",
                HEALTH_PROBE="",
                INSTANCE_IP=machine.address,
                STATUS_ADDRESS=f"127.0.0.1:{port}",
                ADMIN_ADDRESS=f"127.0.0.1:{port + 1}",
            )
            open_ones.enter_context(running(proxy))
        open_ones.enter_context(running(made.server(votes)))
        yield


@pytest.mark.timeout(240)
def test_a_proxy_may_be_outside_of_the_namespace_that_its_application_is_in(
    project: tuple[Injected, Machine, Machine],
) -> None:
    made, ballot, votes = project
    with governed_from_outside(project):
        url = "http://votes:8000/"
        reaching(ballot, url)
        told = call(ballot, url, user=namespaces.PROXY).stdout
        assert "spiffe://cluster.local/ns/default/sa/ballot" in told, "whoever it is"
        plain = call(made.mesh.machine, f"http://{votes.address}:8000/", user=0)
        assert any(each in plain.stderr for each in CUT), "plain text is refused"
        assert run(ballot, CONNECT, "15222").stdout == "nobody\n", "Envoy's admin"
