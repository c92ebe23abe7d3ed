"""The SSH session that a command is in, also where sudo took its variables away."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from meltemi.proxy.adapters.system_sockets import ssh_ports_here, waiting
from meltemi.testkit.processes import python

if TYPE_CHECKING:
    from pathlib import Path

SESSION = "SSH_CONNECTION=192.0.2.7 50022 10.77.0.3 2222"
STRIPPED = 'env -u SSH_CONNECTION "$@"; exit $?'
"""A shell that stays, as sudo does, and runs a program without the variable."""
SERVER = """
import pathlib, socket, sys
pathlib.Path("/proc/self/comm").write_text("sshd")
open_, forwarded = socket.create_server(("", 0)), socket.create_server(("127.0.0.1", 0))
print(open_.getsockname()[1], forwarded.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_the_session_is_found_that_sudo_does_not_tell_of() -> None:
    shell = [shutil.which("env") or "env", SESSION, "sh", "-c", STRIPPED, "sh"]
    asked = [*python("meltemi.ctl"), "capture", "plan", "--backend", "nft"]
    done = subprocess.run(
        [*shell, *asked], capture_output=True, text=True, check=True, timeout=60
    )
    assert "dport 2222 return" in done.stdout


def test_the_port_of_a_server_is_known_by_who_holds_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        port, forwarded = map(int, server.stdout.readline().split())
        found = ssh_ports_here({})
        server.communicate()
    assert port in found
    assert forwarded not in found
    assert port not in ssh_ports_here({})


def test_where_proc_tells_nothing_nothing_is_found(tmp_path: Path) -> None:
    assert ssh_ports_here({}, tmp_path) == ()


def test_a_port_that_somebody_waits_at_is_known() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("::1", 0))
        ports = {each.port for each in waiting("tcp")}
        assert tcp.getsockname()[1] in ports
        assert udp.getsockname()[1] in {each.port for each in waiting("udp")}
