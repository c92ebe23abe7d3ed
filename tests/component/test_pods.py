"""Pods on a machine of the test's own: the ways out of them, and back."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from meltemi.ctl.local.pods.network import Door, Network
from meltemi.testkit import namespaces
from meltemi.testkit.namespaces import Machine, network
from meltemi.testkit.processes import python
from meltemi.testkit.up import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing()),
    pytest.mark.parametrize("rootless", [True, False], ids=["rootless", "root"]),
]

PODS = "meltemi.ctl.local.pods"
WITHIN = 10.0
ASK = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as asked:
    asked.sendall(b"?")
    asked.shutdown(socket.SHUT_WR)
    print(asked.makefile().read())
"""


def answering(machine: Machine, host: str, port: int, word: bytes) -> None:
    """Answer ``word`` to whoever has said all, at a port of ``machine``."""
    listener = machine.call(lambda: socket.create_server((host, port)))

    def answer() -> None:
        while True:
            caller, _ = listener.accept()
            with caller:
                while caller.recv(64):
                    pass
                caller.sendall(word)

    threading.Thread(target=answer, daemon=True).start()


@pytest.fixture
def machines() -> Iterator[tuple[Machine, Machine]]:
    with network() as net:
        yield net.machine("10.77.0.2"), net.machine("10.77.0.3")


@pytest.fixture
def pods(
    machines: tuple[Machine, Machine], tmp_path: Path, *, rootless: bool
) -> Iterator[Path]:
    """Two pods of the first machine, one of them with captured traffic."""
    made = Network(
        pods=("one", "two"),
        captured=("one",),
        inward=(Door(7001, "two", 8000),),
        outward=(7100,),
        rootless=rootless,
        nets=str(tmp_path / "nets.json"),
        ready=7000,
    )
    file = tmp_path / "network.json"
    file.write_bytes(msgspec.json.encode(made))
    argv = machines[0].argv([*python(PODS), str(file)])
    with subprocess.Popen(argv) as running:
        try:
            eventually(
                lambda: machines[0].call(accepts),
                seconds=WITHIN,
                what="the doors are open",
            )
            yield tmp_path / "nets.json"
        finally:
            running.terminate()


def accepts() -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", 7000)) == 0


def said(machine: Machine, host: str, port: int) -> str | None:
    """Return what is answered there; None when nobody accepts."""
    done = subprocess.run(
        machine.argv([sys.executable, "-c", ASK, host, str(port)]),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return None if done.returncode else done.stdout.strip()


def said_in(machine: Machine, nets: Path, pod: str, host: str, port: int) -> str:
    enter = [*python(f"{PODS}.enter"), str(nets), pod, "--"]
    argv = machine.argv([*enter, sys.executable, "-c", ASK, host, str(port)])
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=30, check=True
    ).stdout.strip()


def test_a_pod_reaches_what_its_machine_reaches(
    machines: tuple[Machine, Machine], pods: Path
) -> None:
    answering(machines[1], "10.77.0.3", 8000, b"elsewhere")
    assert said_in(machines[0], pods, "two", "10.77.0.3", 8000) == "elsewhere"


def test_a_pod_reaches_the_ports_of_its_machine_that_were_said_and_no_other(
    machines: tuple[Machine, Machine], pods: Path
) -> None:
    answering(machines[0], "127.0.0.1", 7100, b"said")
    answering(machines[0], "127.0.0.1", 7101, b"not said")
    assert said_in(machines[0], pods, "two", "127.0.0.1", 7100) == "said"
    with pytest.raises(subprocess.CalledProcessError):
        said_in(machines[0], pods, "two", "127.0.0.1", 7101)


def test_a_door_leads_into_its_pod(
    machines: tuple[Machine, Machine], pods: Path
) -> None:
    listen = (
        "import socket; s = socket.create_server(('127.0.0.1', 8000))\n"
        "while True:\n"
        " with s.accept()[0] as c:\n"
        "  while c.recv(64): pass\n"
        "  c.sendall(b'inside')\n"
    )
    enter = [*python(f"{PODS}.enter"), str(pods), "two", "--"]
    argv = machines[0].argv([*enter, sys.executable, "-c", listen])
    with subprocess.Popen(argv) as running:
        try:
            eventually(
                lambda: said(machines[0], "127.0.0.1", 7001) == "inside",
                seconds=WITHIN,
                what="the pod answers at its door",
            )
        finally:
            running.terminate()


def test_what_is_captured_goes_to_the_proxy_and_nowhere_else(
    machines: tuple[Machine, Machine], pods: Path
) -> None:
    answering(machines[1], "10.77.0.3", 8000, b"elsewhere")
    with pytest.raises(subprocess.CalledProcessError):  # there is no proxy in it
        said_in(machines[0], pods, "one", "10.77.0.3", 8000)
