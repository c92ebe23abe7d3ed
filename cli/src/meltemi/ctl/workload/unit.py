"""A systemd unit that keeps a workload in the mesh. Pure.

Source: systemd.service(5), systemd.exec(5); quoting as in systemd.syntax(7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STATE: Final = "/var/lib/meltemi"
STOP_SECONDS: Final = 90
"""More than an agent may take to drain, and to be killed after it."""

UNIT: Final = """\
[Unit]
Description={name} in the mesh of {url}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={command}
LoadCredential=token:{token}
User={user}
StateDirectory=meltemi
StateDirectoryMode=0700
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=64 65 77
SuccessExitStatus=143
KillMode=mixed
TimeoutStopSec={stop}
NoNewPrivileges=yes
{rights}ProtectSystem=strict
ProtectHome=read-only
PrivateTmp={private}

[Install]
WantedBy=multi-user.target
"""


TMP: Final = "/tmp/"  # noqa: S108 - nothing is written there
"""A program below it would not be there in a unit with one of its own."""
CAPTURES: Final = """\
AmbientCapabilities=CAP_NET_ADMIN
ExecStopPost=-{program} capture clean
"""
"""To set rules, and to mark what the proxy opens; the application does not get it. And
what nobody took away who was killed: else the machine sends everything to nobody."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A workload as systemd is to run it.

    Attributes:
        name: What the workload is called.
        url: Galley's.
        join: The words behind ``meltemi workload join URL``, the application included.
        program: The absolute path of ``meltemi``.
        token: The file of the workload token, which only root need be able to read.
        user: Whose processes agent and application are.
        captured: Whether it captures the machine's traffic.

    """

    name: str
    url: str
    join: tuple[str, ...]
    program: str
    token: str
    user: str
    captured: bool = False


def unit_text(wanted: Unit) -> str:
    """Return the unit file of ``wanted``."""
    words = [wanted.program, "--state", STATE, "workload", "join", wanted.url]
    # %d is the folder of the credentials that systemd hands over.
    command = [
        *map(quoted, words),
        "--token-file",
        "%d/token",
        *map(quoted, wanted.join),
    ]
    rights = CAPTURES.format(program=quoted(wanted.program))
    return UNIT.format(
        name=quoted(wanted.name),
        url=quoted(wanted.url),
        command=" ".join(command),
        token=quoted(wanted.token),
        user=wanted.user,
        private="no" if wanted.program.startswith(TMP) else "yes",
        rights=rights if wanted.captured else "",
        stop=STOP_SECONDS,
    )


def quoted(word: str) -> str:
    """Return ``word`` as one word of a unit file, whatever is in it."""
    plain = word.replace("%", "%%").replace("$", "$$")
    if plain and not set(plain) & set(" \t\n\"'\\;"):
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
