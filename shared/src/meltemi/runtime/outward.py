"""Which of its addresses a machine is reached at."""

from __future__ import annotations

import socket

from meltemi.kernel.errors import Blame, MeshError

ANYWHERE = "192.0.2.1"
"""An address that nobody has (RFC 5737): the way to it is the default route."""
ANY_PORT = 9
"""Of a datagram that is never sent: the kernel only chooses the way."""


class NoWayError(MeshError):
    """The machine has no way to a host."""

    code = "runtime.no-way"
    blame = Blame.PEER


def outward_address(host: str = ANYWHERE) -> str:
    """Return this machine's address on the way to ``host``, a name or an address.

    Raises:
        NoWayError: If the name is not known, or there is no way.

    """
    try:
        family, kind, _, _, there = socket.getaddrinfo(
            host, ANY_PORT, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.connect(there)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise NoWayError(f"no way to {host}: {error.strerror}") from None
