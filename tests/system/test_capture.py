"""``meltemi capture`` in network namespaces: what meets the proxy, and exact undo."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import struct
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit import namespaces
from meltemi.testkit.captures import capture, run, state
from meltemi.testkit.namespaces import PROXY, Machine, network
from meltemi.testkit.processes import python
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing()),
]

BACKENDS = ("nft", "iptables")
WAYS = [(backend, mode) for backend in BACKENDS for mode in ("REDIRECT", "TPROXY")]
FAMILIES = (socket.AF_INET, socket.AF_INET6)
PORT = 9080
ORIGINAL_DST = 80
"""SO_ORIGINAL_DST (linux/netfilter_ipv4.h), and IPv6's (netfilter_ipv6/ip6_tables.h)."""
TRANSPARENT6 = 75
"""IPV6_TRANSPARENT (linux/in6.h)."""


@pytest.fixture
def machines() -> Iterator[tuple[Machine, Machine]]:
    """Two machines on one bridge."""
    with network() as net:
        yield (
            net.machine("10.77.0.2", "fd77::2"),
            net.machine("10.77.0.3", "fd77::3"),
        )


def address(machine: Machine, family: socket.AddressFamily) -> str:
    return machine.address if family is socket.AF_INET else machine.address6


def service(family: socket.AddressFamily) -> str:
    """Return an address that nobody has, as services get one of the mesh."""
    return "240.240.0.11" if family is socket.AF_INET else "2001:2::f0f0:b"


class Listener:
    """Accepts on one machine, and notes where each connection was meant to go."""

    def __init__(
        self,
        machine: Machine,
        port: int,
        family: socket.AddressFamily,
        *,
        transparent: bool = False,
    ) -> None:
        self.meant: list[tuple[str, int]] = []
        self.peers: list[str] = []
        self._family = family
        self._transparent = transparent
        self._socket = machine.call(lambda: self._open(port))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _open(self, port: int) -> socket.socket:
        made = socket.socket(self._family)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._transparent and self._family is socket.AF_INET:
            made.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
        elif self._transparent:
            made.setsockopt(socket.IPPROTO_IPV6, TRANSPARENT6, 1)
        made.bind(("", port))
        made.listen()
        return made

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._socket.accept()
            except OSError:
                return
            with connection:
                self.peers.append(peer[0])
                self.meant.append(destination(connection))

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def destination(connection: socket.socket) -> tuple[str, int]:
    """Return where an accepted connection was meant to go."""
    is_four = connection.family is socket.AF_INET
    level, size = (socket.SOL_IP, 16) if is_four else (socket.IPPROTO_IPV6, 28)
    try:
        raw = connection.getsockopt(level, ORIGINAL_DST, size)
    except OSError:  # it was not sent elsewhere
        host, port, *_ = connection.getsockname()
        return str(host), int(port)
    port, host = struct.unpack("!2xH4s8x" if is_four else "!2xH4x16s4x", raw)
    return socket.inet_ntop(connection.family, host), port


def knock(machine: Machine, host: str, port: int, *, user: int = 1000) -> bool:
    """Tell whether a connection by ``user`` is accepted, and wait until it is closed."""
    code = (
        "import socket,sys\n"
        f"s=socket.create_connection(({host!r},{port}),3)\n"
        "sys.exit(0 if s.recv(1)==b'' else 1)"
    )
    python3 = shutil.which("python3", path="/usr/bin:/bin") or "python3"
    argv = machine.argv([python3, "-c", code], user=user)
    done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("family", FAMILIES, ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_an_application_opens_meets_the_proxy_and_the_proxys_own_does_not(
    machines: tuple[Machine, Machine], backend: str, family: socket.AddressFamily
) -> None:
    near, far = machines
    there, unseen = address(far, family), service(family)
    proxy, application = Listener(near, 15001, family), Listener(far, PORT, family)
    try:
        near.capture("--backend", backend, "--exclude-outbound-ports", "9081")
        assert knock(near, unseen, PORT)
        assert knock(near, there, PORT)
        assert proxy.meant == [(unseen, PORT), (there, PORT)]
        assert not application.peers
        assert knock(near, there, PORT, user=PROXY)
        assert application.peers == [address(near, family)]
        assert not knock(near, there, 9081), "nobody listens there"
        assert len(proxy.meant) == 2
    finally:
        proxy.close()
        application.close()


@pytest.mark.parametrize("family", FAMILIES, ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(("backend", "mode"), WAYS)
def test_what_comes_from_outside_meets_the_proxy_first(
    machines: tuple[Machine, Machine],
    backend: str,
    mode: str,
    family: socket.AddressFamily,
) -> None:
    near, far = machines
    here, there = address(near, family), address(far, family)
    proxy = Listener(far, 15006, family, transparent=mode == "TPROXY")
    metrics = Listener(far, 15090, family)
    try:
        far.capture("--backend", backend, "--inbound-mode", mode)
        assert knock(near, there, PORT)
        assert proxy.meant == [(there, PORT)]
        assert proxy.peers == [here]
        assert knock(near, there, 15090)
        assert metrics.peers == [here]
        assert len(proxy.meant) == 1
    finally:
        proxy.close()
        metrics.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_captured_that_nobody_takes(
    machines: tuple[Machine, Machine], backend: str
) -> None:
    machine, _ = machines
    found = state(machine)
    apply = [*python("meltemi.ctl"), "capture", "apply", "--backend", backend]
    done = run(machine, *apply, "--dns")
    assert done.returncode == 65
    assert "nobody listens on tcp 15001 (what applications open), tcp 15006" in (
        done.stderr
    )
    assert "udp 15053 (DNS), tcp 15053" in done.stderr
    assert "--force" in done.stderr
    assert state(machine) == found
    outbound, inbound = (
        Listener(machine, each, FAMILIES[0]) for each in (15001, 15006)
    )
    try:
        assert run(machine, *apply).returncode == 0
        assert run(machine, *apply, "--dns").returncode == 65
    finally:
        outbound.close()
        inbound.close()
    assert run(machine, *apply, "--inbound-ports=").returncode == 65
    nothing = run(machine, *apply, "--inbound-ports=", "--outbound-ranges=")
    assert nothing.returncode == 0, "what captures nothing needs nobody"


DOCKERS = """
*nat
-N DOCKER_OUTPUT
-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
-A DOCKER_OUTPUT -d 127.0.0.11/32 -p udp --dport 53 -j DNAT --to 127.0.0.11:40000
COMMIT
"""
"""What Docker sets in a container whose resolver it is."""
BE = "import encodings.idna, os, socket, sys\nos.setuid(int(sys.argv[1]))\n"
SERVE = """
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind((sys.argv[2], int(sys.argv[3])))
print("bound", flush=True)
while True:
    _, peer = door.recvfrom(99)
    door.sendto(sys.argv[3].encode(), peer)
"""
ASK = """
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(5)
asker.connect(("127.0.0.11", 53))
asker.send(b"?")
print(asker.recv(99).decode())
"""


def script(text: str, *words: str) -> list[str]:
    return [sys.executable, "-c", text, *words]


@contextlib.contextmanager
def started(argv: list[str], first_line: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the block ends; it has said ``first_line`` when it begins."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(first_line)
            yield process
        finally:
            process.terminate()


def test_a_pause_container_holds_the_rules_with_one_capability(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    machine, _ = machines
    ready = tmp_path / "captured"
    bare = ["setpriv", "--bounding-set=-all,+net_admin", "--no-new-privs"]
    words = [*python("meltemi.ctl"), "capture", "hold", "--ready-file", str(ready)]
    with started(machine.argv([*bare, *words]), "captured with") as process:
        asyncio.run(until(ready.exists))
        capture(machine, "verify")
        process.terminate()
        assert process.wait(timeout=10) == 0
    capture(machine, "verify")


def test_dns_behind_dockers_resolver_is_the_agents_and_the_agent_may_ask_it(
    machines: tuple[Machine, Machine],
) -> None:
    machine, _ = machines
    run(machine, "iptables-restore", text=DOCKERS)
    capture(machine, "apply", "--backend", "nft", "--dns")
    docker = script(BE + SERVE, "0", "127.0.0.11", "40000")
    agent = script(BE + SERVE, f"{PROXY}", "127.0.0.1", "15053")
    with (
        started(machine.argv(docker), "bound"),
        started(machine.argv(agent), "bound"),
    ):
        assert run(machine, *script(BE + ASK, "0")).stdout == "15053\n"
        assert run(machine, *script(BE + ASK, f"{PROXY}")).stdout == "40000\n"
