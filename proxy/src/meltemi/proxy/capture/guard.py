"""The way in over SSH stays open: whoever sets rules may sit behind it. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.proxy.capture.options import ALL, InvalidCaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.proxy.capture.options import CaptureOptions

SSH_PORT = 22
LISTENING = "0A"
"""A socket's state in /proc/net/tcp."""
SERVER_PORT, PARTS = 3, 4
"""Of SSH_CONNECTION: client address and port, server address and port (sshd(8))."""


def ssh_ports(environ: Mapping[str, str], sockets: Iterable[str]) -> tuple[int, ...]:
    """Return the ports that SSH comes in by.

    Args:
        environ: The process's environment, for the session it belongs to.
        sockets: Lines of /proc/net/tcp and tcp6: whether somebody listens on 22.

    """
    parts = environ.get("SSH_CONNECTION", "").split()
    session = [int(parts[SERVER_PORT])] if len(parts) == PARTS else []
    listened = [SSH_PORT] if any(map(_is_ssh, sockets)) else []
    return tuple(dict.fromkeys((*session, *listened)))


def _is_ssh(line: str) -> bool:
    words = line.split()
    local_and_state = words[1:4:2]
    if len(local_and_state) < len(("local", "state")):
        return False
    local, state = local_and_state
    return state == LISTENING and local.endswith(f":{SSH_PORT:04X}")


def spared(options: CaptureOptions, ports: tuple[int, ...]) -> CaptureOptions:
    """Return ``options`` with ``ports`` left alone.

    Raises:
        InvalidCaptureError: If one of them is to be captured by name.

    """
    named = [each for each in map(str, ports) if each in options.inbound_ports]
    if named:
        raise InvalidCaptureError(
            f"inbound_ports: SSH comes in by {', '.join(named)}, and the proxy does "
            "not speak it: leave it out, or say --capture-ssh"
        )
    if ALL not in options.inbound_ports:
        return options
    kept = (*options.inbound_exclude, *map(str, ports))
    return replace(options, inbound_exclude=tuple(dict.fromkeys(kept)))
