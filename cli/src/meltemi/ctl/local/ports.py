"""Ports that are free, and stay ours between one start and the next."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RANGE = range(20_000, 32_000)
"""Below Linux's ephemeral range (32768-60999), whose ports connections take."""


class NoPortError(MeshError):
    """Every port of the range is taken."""

    code = "local.no-port"
    blame = Blame.CALLER


def choose_ports(
    names: Iterable[str], taken: Mapping[str, int], *, start: int
) -> dict[str, int]:
    """Return a port for each of ``names``: its own from ``taken``, else a free one.

    Args:
        names: What needs a port.
        taken: What already has one, from an earlier start.
        start: Where to begin looking, any number: so that meshes that start
            together look in different places.

    Raises:
        NoPortError: If there are not enough.

    """
    chosen = dict(taken)
    used = set(taken.values())
    candidates = iter(range(len(RANGE)))
    for name in names:
        if name in chosen:
            continue
        for offset in candidates:
            port = RANGE[(start + offset) % len(RANGE)]
            if port not in used and is_free(port):
                chosen[name] = port
                break
        else:
            raise NoPortError(f"no port is free from {RANGE[0]} to {RANGE[-1]}")
    return chosen


def is_free(port: int) -> bool:
    """Tell whether nobody listens on the loopback ``port``."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
