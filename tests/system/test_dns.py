"""An application's names in a network namespace: its system's resolver, unconfigured.

The agent is a real process that nobody answers: neither Citadel nor Pilot. What it
knows of the mesh is what it was told before.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meltemi.proxy.adapters.names_file import NamesFile
from meltemi.proxy.bootstrap import node_id
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import read_settings
from meltemi.testkit import namespaces
from meltemi.testkit.dns import question, taken_apart, told
from meltemi.testkit.namespaces import Machine, network
from meltemi.testkit.processes import Program, python, running
from meltemi.xds.name_table import Name, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing()),
]

BACKENDS = ("nft", "iptables")
DOOR = ("127.0.0.1", 15053)
NOBODY = "127.0.0.1:1"
MANY = [f"10.9.0.{each}" for each in range(1, 101)]
TABLE = {
    "reviews.default.svc.cluster.local": Name(
        ("240.240.0.1",), "External", "reviews", "default"
    ),
    "many.default.svc.cluster.local": Name(tuple(MANY), "External", "many", "default"),
}


class Nameserver:
    """Says of every name that it is 192.0.2.1, until it is closed."""

    def __init__(self, machine: Machine) -> None:
        self.heard = 0
        self._door = machine.call(lambda: _bound(machine.address))
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        while True:
            raw, peer = self._door.recvfrom(4096)
            if not raw:
                return
            self.heard += 1
            self._door.sendto(told(raw, "192.0.2.1"), peer)

    def close(self, machine: Machine) -> None:
        """End it: who asks from now on is told that nobody listens."""
        with machine.call(
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ) as s:
            s.sendto(b"", self._door.getsockname())
        self._thread.join()
        self._door.close()


def _bound(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 53))
    return made


@contextmanager
def resolv_conf(machine: Machine, text: str) -> Iterator[None]:
    """Make ``text`` what the programs of a machine find as /etc/resolv.conf."""
    folder = Path("/etc/netns", machine.name)
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text(text)
    try:
        yield
    finally:
        shutil.rmtree(folder)


def agent(machine: Machine, folder: Path) -> Program:
    """Return an agent that knows `TABLE` from its disk."""
    environ = {
        "AGENT_NAME": "caller",
        "AGENT_SERVICE_ACCOUNT": "caller",
        "AGENT_CITADEL_BOOTSTRAP": NOBODY,
        "AGENT_CITADEL_RENEWAL": NOBODY,
        "AGENT_ROOT_CERT_FILE": str(folder / "root-cert.pem"),
        "AGENT_PILOTS": NOBODY,
        "AGENT_RUN_DIR": str(folder / "run"),
        "AGENT_ADMIN_ADDRESS": "127.0.0.1:15000",
        "AGENT_STATUS_ADDRESS": "127.0.0.1:15020",
        "AGENT_INSTANCE_IP": machine.address,
        "AGENT_DNS_ADDRESSES": f"{DOOR[0]}:{DOOR[1]}",
    }
    settings = read_settings(AgentSettings, environ)
    settings.run_dir.mkdir()
    NamesFile(settings.run_dir, node_id(settings)).save(encode(TABLE))
    argv = machine.argv(python("meltemi.proxy"))
    return Program(argv, lambda: machine.call(_listens), folder / "log", environ)


def _listens() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(DOOR) == 0


@pytest.fixture(params=BACKENDS)
def machines(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Machine, Machine]]:
    """A machine whose DNS is captured, and the one of its nameserver."""
    with network() as net:
        near, far = net.machine("10.77.0.2"), net.machine("10.77.0.3")
        with resolv_conf(near, f"nameserver {far.address}\n"):
            near.capture("--backend", request.param, "--dns", "--proxy-uid", "0")
            with running(agent(near, tmp_path)):
                yield near, far


def resolved(machine: Machine, host: str, family: str = "ahostsv4") -> set[str]:
    """Return what the system's resolver finds for an application, user 1000."""
    argv = machine.argv(["getent", family, host], user=1000)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return {line.split()[0] for line in done.stdout.splitlines()}


def test_names_of_the_mesh_resolve_unconfigured_and_others_as_before(
    machines: tuple[Machine, Machine],
) -> None:
    near, far = machines
    nameserver = Nameserver(far)
    try:
        for host in ("reviews", "Reviews.default", "reviews.default.svc.cluster.local"):
            assert resolved(near, host) == {"240.240.0.1"}
        assert resolved(near, "reviews", "ahosts") == {"240.240.0.1"}, (
            "no error of IPv6"
        )
        assert nameserver.heard == 0
        assert resolved(near, "example.com") == {"192.0.2.1"}
        assert nameserver.heard > 0
        raw = near.call(lambda: _asked(far.address))
        assert taken_apart(raw).values == ["192.0.2.1"], "the agent's user is let out"
    finally:
        nameserver.close(far)
    assert resolved(near, "example.org") == set(), "nobody is there to be asked"
    assert resolved(near, "example.com") == {"192.0.2.1"}, "it was kept"
    assert resolved(near, "reviews") == {"240.240.0.1"}


def _asked(server: str) -> bytes:
    """Ask as the user whose traffic is left alone: this process's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(10)
        door.connect((server, 53))
        door.send(question("reviews"))
        return door.recv(4096)


def test_a_long_answer_arrives_whole_over_tcp(
    machines: tuple[Machine, Machine],
) -> None:
    near, _ = machines
    assert resolved(near, "many") == set(MANY)
