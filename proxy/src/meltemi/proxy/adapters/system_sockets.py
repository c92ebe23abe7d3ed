"""What /proc tells of this machine's sockets, and of the SSH session we are in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.proxy.capture.guard import ssh_ports
from meltemi.proxy.capture.sockets import Door, doors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROC: Final = Path("/proc")
SESSION: Final = "SSH_CONNECTION"
SERVERS: Final = frozenset({"sshd", "sshd-session", "dropbear", "tinysshd"})
"""What the processes of SSH servers are called."""
SOCKET: Final = "socket:["
"""What the name of a socket among a process's files begins with (proc(5))."""
MOST_ANCESTORS: Final = 64


def waiting(protocol: str, proc: Path = PROC) -> list[Door]:
    """Return the sockets of ``tcp`` or ``udp``, either IP version, that wait."""
    files = (proc / "net" / f"{protocol}{version}" for version in ("", "6"))
    found = (_text(each) for each in files)
    return list(doors(line for text in found for line in text.splitlines()))


def ssh_ports_here(environ: Mapping[str, str], proc: Path = PROC) -> tuple[int, ...]:
    """Return the ports that SSH comes in by, on this machine and to this process.

    Args:
        environ: This process's environment.
        proc: Where the kernel tells of processes and sockets.

    """
    own = environ.get(SESSION, "")
    sessions = (own, *_inherited(proc, os.getppid()))
    return ssh_ports(sessions, waiting("tcp", proc), _held_by_servers(proc))


def _inherited(proc: Path, pid: int) -> Iterator[str]:
    """Yield the session of ``pid`` and of the processes it comes from.

    Source:
        proc_pid_stat(5): behind the name, in parentheses, state and parent.

    """
    for _ in range(MOST_ANCESTORS):
        if pid <= 0:
            return
        for each in _text(proc / str(pid) / "environ").split("\0"):
            name, _, value = each.partition("=")
            if name == SESSION:
                yield value
        words = _text(proc / str(pid) / "stat").rpartition(")")[2].split()
        pid = int(words[1]) if len(words) > 1 else 0


def _held_by_servers(proc: Path) -> frozenset[str]:
    """Return the inodes of the sockets that SSH servers hold."""
    processes = (each for each in proc.iterdir() if each.name.isdecimal())
    servers = (e for e in processes if _text(e / "comm").strip() in SERVERS)
    names = (name for each in servers for name in _open_files(each))
    found = (e for e in names if e.startswith(SOCKET))
    return frozenset(e.removeprefix(SOCKET).removesuffix("]") for e in found)


def _open_files(process: Path) -> Iterator[str]:
    """Yield what the files of ``process`` are; none if it is gone, or not ours."""
    try:
        found = [*(process / "fd").iterdir()]
    except OSError:
        return
    for each in found:
        try:
            yield str(each.readlink())
        except OSError:
            continue


def _text(file: Path) -> str:
    """Return what ``file`` says; nothing if it is gone, or not for us to read."""
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
