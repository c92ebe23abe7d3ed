"""The way in over SSH stays open: whoever sets rules may sit behind it. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.proxy.capture.limits import ALL, PORT_LIMIT
from meltemi.proxy.capture.options import InvalidCaptureError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from meltemi.proxy.capture.options import CaptureOptions
    from meltemi.proxy.capture.sockets import Door

SSH_PORT = 22
SERVER_PORT, PARTS = 3, 4
"""Of SSH_CONNECTION: client address and port, server address and port (sshd(8))."""


def ssh_ports(
    sessions: Iterable[str], doors: Iterable[Door], held: Container[str]
) -> tuple[int, ...]:
    """Return the ports that SSH comes in by.

    Args:
        sessions: What SSH_CONNECTION says, of this process and of those it comes from:
            sudo takes it away.
        doors: The TCP sockets that wait for connections. One at port 22 counts whoever
            holds it.
        held: The inodes of sockets that SSH servers hold; what of them only this
            machine reaches is forwarded by a session.

    """
    waiting = [
        each.port
        for each in doors
        if each.port == SSH_PORT or (each.inode in held and not each.near)
    ]
    return tuple(dict.fromkeys((*_told(sessions), *waiting)))


def _told(sessions: Iterable[str]) -> Iterator[int]:
    for each in sessions:
        words = each.split()
        port = words[SERVER_PORT] if len(words) == PARTS else ""
        if port.isascii() and port.isdecimal() and 0 < int(port) <= PORT_LIMIT:
            yield int(port)


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
