"""Which ports somebody waits at, told from the kernel's list of sockets. No I/O.

Source: Linux, Documentation/networking/proc_net_tcp.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LISTENS, UNCONNECTED = "0A", "07"
"""The states of a TCP socket that takes connections, and of a UDP socket that takes
datagrams from anybody."""
LOCAL, STATE, INODE = 1, 3, 9
"""Which word of a line is what."""
LOOPBACKS: Final = ("7F", "00000000000000000000000001000000")
"""The end of a loopback address of IPv4, and IPv6's, as the kernel writes them."""


@dataclass(frozen=True, slots=True)
class Door:
    """A socket that somebody may come in by.

    Attributes:
        port: Its own.
        inode: By which the process that holds it is known.
        near: Whether this machine alone reaches it.

    """

    port: int
    inode: str
    near: bool = False


def doors(lines: Iterable[str]) -> Iterator[Door]:
    """Yield the sockets of /proc/net/tcp, udp and the like that wait for anybody."""
    for line in lines:
        words = line.split()
        if len(words) <= INODE or words[STATE] not in (LISTENS, UNCONNECTED):
            continue
        address, _, port = words[LOCAL].rpartition(":")
        yield Door(int(port, 16), words[INODE], near=address.endswith(LOOPBACKS))
