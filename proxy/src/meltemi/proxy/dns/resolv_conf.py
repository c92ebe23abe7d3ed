"""The machine's own resolver configuration. No I/O.

Source: resolv.conf(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from meltemi.proxy.dns.name import wire

MOST_SERVERS: Final = 3
"""MAXNS: what the system's resolver asks."""


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """Whom the machine asks, in order, and what it puts behind a name first."""

    servers: tuple[str, ...] = ()
    search: bytes = b""


def parse(text: str) -> ResolvConf:
    """Return what ``text`` says; lines that say nothing we know are passed over."""
    servers: list[str] = []
    search = ""
    for line in text.splitlines():
        match line.split():
            case ["nameserver", server, *_] if _is_address(server):
                servers.append(server)
            case [("search" | "domain"), first, *_]:
                search = first
    return ResolvConf(tuple(servers[:MOST_SERVERS]), wire(search) or b"")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
