"""Two machines join a mesh on a third, one command each."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.ctl.workload.folder import FILE
from meltemi.testkit import namespaces
from meltemi.testkit.far_mesh import FarMesh
from meltemi.testkit.hello import HELLO
from meltemi.testkit.leaks import files_below
from meltemi.testkit.namespaces import network
from meltemi.testkit.processes import Program, python, running
from meltemi.testkit.up import as_user, eventually, no_other_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.namespaces import Machine

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing()),
]

STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""
SERVER = """
import http.server, os
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"hello")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""
LOCAL = "18090"
CLUSTER = "outbound|8080||hello.default.svc.cluster.local"


@dataclass(frozen=True)
class Three:
    """The machine of the mesh, two others, and two whose traffic is captured."""

    mesh: FarMesh
    one: Machine
    two: Machine
    captured: tuple[Machine, Machine]
    folder: Path

    def token(self, account: str, *more: str) -> str:
        words = ("token", "create", "--ns", "default", "--sa", account, *more)
        return self.mesh.do(*words)

    def argv(self, machine: Machine, token: str, *words: str) -> list[str]:
        """Return the one command that ``machine`` joins with."""
        (self.folder / machine.name).mkdir(exist_ok=True)
        file = self.folder / machine.name / "token"
        file.write_text(token)
        state = ("--state", str(self.folder / machine.name))
        door = (self.mesh.url, "--ca", str(self.mesh.ca), "--token-file", str(file))
        command = [*python("meltemi.ctl"), *state, "workload", "join", *door, *words]
        return machine.argv(command)

    @contextlib.contextmanager
    def joined(
        self, machine: Machine, token: str, name: str, *words: str
    ) -> Iterator[Program]:
        """Have ``machine`` in the mesh as ``name`` while the context lasts."""
        argv = self.argv(machine, token, "--name", name, *words)
        log = self.folder / f"{name}.log"
        with running(Program(argv, lambda: "joined as" in log.read_text(), log)) as it:
            yield it

    def refused(self, machine: Machine, token: str) -> subprocess.CompletedProcess[str]:
        """Return what came of joining in vain."""
        argv = self.argv(
            machine, token, "--name", "thief", "--service", "hello", "--port", "8080"
        )
        return subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=90
        )

    def workloads(self) -> dict[str, bool]:
        """Return which are registered, and whether each is connected."""
        rows = self.mesh.json("workload", "list")
        return {each["name"]: each["connected"] for each in rows}

    def endpoints(self) -> set[str]:
        """Return where the Envoy of the caller, on the second machine, finds hello."""
        home = self.folder / self.two.name / "workloads" / "caller"
        port = json.loads((home / FILE).read_text())["ports"]["admin"]
        url = f"http://127.0.0.1:{port}/clusters"
        text = self.two.call(lambda: httpx2.get(url, timeout=10).text)
        lines = (each.split("::") for each in text.splitlines())
        return {each[1] for each in lines if each[0] == CLUSTER and ":" in each[1]}

    def call(self) -> str:
        """Return what the application on the second machine gets from the first's."""
        url = f"http://127.0.0.1:{LOCAL}/"
        code = (
            f"import urllib.request as u; print(u.urlopen({url!r}, timeout=5).read())"
        )
        done = subprocess.run(
            self.two.argv(["python3", "-c", code]),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return done.stdout.strip()


@pytest.fixture(scope="module")
def three() -> Iterator[Three]:
    with (
        network() as net,
        tempfile.TemporaryDirectory(prefix="mj-", ignore_cleanup_errors=True) as name,
    ):
        folder = Path(name)
        mesh = FarMesh(net.machine("10.77.1.2"), folder / "mesh")
        one, two, *captured = (net.machine(f"10.77.1.{each}") for each in (3, 4, 5, 6))
        made = Three(mesh, one, two, (captured[0], captured[1]), folder)
        try:
            mesh.up()
            mesh.do("apply", "-f", "-", stdin=f"{HELLO}---{STRICT}")
            with running(mesh.galley()):
                yield made
        finally:
            mesh.do("down", "--purge")


@pytest.fixture(scope="module")
def caller(three: Three) -> Iterator[None]:
    """The second machine, whose application calls the service."""
    upstream = ("--upstream", f"hello:8080={LOCAL}")
    words = ("--service", "caller", "--port", "80", *upstream)
    with three.joined(three.two, three.token("caller"), "caller", *words):
        yield


@contextlib.contextmanager
def hello(three: Three, token: str) -> Iterator[Program]:
    words = ("--service", "hello", "--port", "8080", "--", "python3", "-c", SERVER)
    with three.joined(three.one, token, "hello", *words) as program:
        eventually(
            lambda: three.call() == "b'hello'", seconds=20, what="the service answers"
        )
        yield program


@pytest.mark.usefixtures("caller")
def test_one_command_joins_a_token_twice_does_not_and_sigterm_leaves(
    three: Three,
) -> None:
    token = three.token("hello")
    with hello(three, token) as program:
        assert three.workloads() == {"hello.default": True, "caller.default": True}
        (row,) = [
            each
            for each in three.mesh.json("workload", "list")
            if each["name"] == "hello.default"
        ]
        assert row["identity"] == "spiffe://cluster.local/ns/default/sa/hello"
        assert row["address"].startswith(f"{three.one.address}:")

        home = three.folder / three.one.name
        secret = token.strip().encode()
        kept = {name for name, raw in files_below(home).items() if secret in raw}
        assert kept == {"token"}, "what we gave; no copy of it"

        twice = three.refused(three.two, token)
        assert twice.returncode == 77, twice.stderr
        assert "workload.token-refused" in twice.stderr
        assert token not in twice.stderr
        assert "thief.default" not in three.workloads()

        assert program.process
        program.process.terminate()
        assert program.process.wait(timeout=30) == 143
        assert three.workloads() == {"caller.default": True}


def test_a_token_for_another_network_is_refused(three: Three) -> None:
    token = three.token("hello", "--cidr", f"{three.one.address}/32")
    elsewhere = three.refused(three.two, token)
    assert elsewhere.returncode == 77, elsewhere.stderr
    assert "thief.default" not in three.workloads()


@pytest.mark.usefixtures("caller")
def test_f_22_a_killed_workload_is_gone_within_5_s_and_a_killed_pilot_takes_none(
    three: Three,
) -> None:
    with hello(three, three.token("hello")) as program:
        pilots = {each["proxy"]: each["pilot"] for each in three.mesh.json("ps")}
        serving = pilots["hello.default"]
        three.mesh.do("kill", serving)
        seen: list[set[str]] = []
        held: list[set[str]] = []
        before = three.endpoints()
        assert len(before) == 1

        def elsewhere() -> bool:
            seen.append(set(three.workloads()))
            held.append(three.endpoints())
            rows = three.mesh.json("ps")
            found = {each["proxy"]: each for each in rows if each["connected"]}
            row = found.get("hello.default", {})
            return bool(row) and row["pilot"] != serving

        eventually(elsewhere, seconds=20, what="the workload is with the other Pilot")
        for _ in range(10):
            elsewhere()
        assert all("hello.default" in each for each in seen), "nothing was removed"
        assert all(each == before for each in held), "nor in the caller's Envoy"
        assert three.call() == "b'hello'"
        three.mesh.do("start", serving)

        program.kill()
        eventually(
            lambda: not three.endpoints(),
            seconds=5,
            what="the endpoint is gone from the caller's Envoy",
        )
        assert "hello.default" not in three.workloads()


BY_NAME = """
import sys, urllib.request
url = "http://hello.default.svc.cluster.local:8080/"
print(urllib.request.urlopen(url, timeout=5).read().decode())
"""
ANYWHERE = SERVER.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - of a namespace


def rules(machine: Machine) -> str:
    done = subprocess.run(
        machine.argv(["nft", "list", "ruleset"]),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout


SYSTEMD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What systemd gives services (systemd.exec(5))."""
NOBODY = 65534
TELLS_RIGHTS = """
import pathlib, sys, time
lines = pathlib.Path("/proc/self/status").read_text().splitlines()
told = pathlib.Path(sys.argv[1])
told.with_suffix(".new").write_text(next(e for e in lines if e.startswith("CapEff")))
told.with_suffix(".new").rename(told)
time.sleep(600)
"""


def service(unit: str) -> dict[str, str]:
    """Return what a unit file says, by key."""
    lines = (each.partition("=") for each in unit.splitlines() if "=" in each)
    return {key: value for key, _, value in lines}


@pytest.fixture
def service_folder() -> Iterator[Path]:
    """What belongs to the user of a service."""
    with tempfile.TemporaryDirectory(prefix="mu-", ignore_cleanup_errors=True) as name:
        os.chown(name, NOBODY, NOBODY)
        yield Path(name)


@pytest.mark.skipif(bool(no_other_user()), reason=no_other_user())
def test_what_the_unit_of_a_captured_workload_starts_captures_without_root(
    three: Three, service_folder: Path
) -> None:
    there, rights = service_folder, service_folder / "rights"
    for name, text in (
        ("token", three.token("unit")),
        ("roots.pem", three.mesh.ca.read_text()),
    ):
        (there / name).write_text(text)
    words = ("--ca", f"{there}/roots.pem", "--service", "unit", "--port", "8080")
    application = ("python3", "-c", TELLS_RIGHTS, f"{rights}")
    asked = (three.mesh.url, *words, "--captured", "--name", "unit", "--", *application)
    unit = service(three.mesh.do("workload", "unit", "--user", "nobody", *asked))
    command = [each.replace("%d", f"{there}") for each in started(unit["ExecStart"])]
    command[command.index("--state") + 1] = f"{there}"
    right = unit.get("AmbientCapabilities", "").removeprefix("CAP_").lower()
    user = as_user(NOBODY, path=SYSTEMD_PATH, capability=right)
    machine, log = three.captured[0], three.folder / "unit.log"
    before = rules(machine)
    argv = machine.argv([*user, "-m", "meltemi.ctl", *command])
    with running(Program(argv, rights.exists, log)) as program:
        assert "joined as" in log.read_text()
        assert "MELTEMI_OUTPUT" in rules(machine)
        assert int(rights.read_text().split()[1], 16) == 0, "of the application"
        assert program.process
        program.process.terminate()
        program.process.wait(60)
    assert rules(machine) == before, "nothing stays"


def started(command: str) -> list[str]:
    """Return the words behind the program, as systemd gives them to it."""
    words = shlex.split(command.replace("\\n", "\n"))[1:]
    return [each.replace("%%", "%").replace("$$", "$") for each in words]


def test_machines_whose_traffic_is_captured_call_by_name_and_know_nothing(
    three: Three,
) -> None:
    words = ("--port", "8080", "--captured")
    serving = ("--service", "hello", *words, "--", "python3", "-c", ANYWHERE)
    server, visitor = three.captured
    before = rules(visitor)
    with (
        three.joined(server, three.token("hello"), "hello-captured", *serving),
        three.joined(
            visitor, three.token("visitor"), "visitor", "--service", "v", *words
        ) as visiting,
    ):

        def called() -> str:
            done = subprocess.run(
                visitor.argv(["python3", "-c", BY_NAME]),
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )
            return done.stdout.strip()

        assert "MELTEMI_OUTPUT" in rules(visitor)
        eventually(lambda: called() == "hello", seconds=20, what="it is called by name")
        assert visiting.process
        visiting.process.terminate()
        assert visiting.process.wait(60) == 0
    assert rules(visitor) == before, "nothing stays"
