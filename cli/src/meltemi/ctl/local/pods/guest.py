"""Being in a pod of one's own, as long as this process runs."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.ctl.local.pods.enter import enter_pod
from meltemi.ctl.local.pods.hall import control_socket
from meltemi.ctl.local.pods.namespaces import find_system_programs
from meltemi.ctl.local.pods.network import Guest, Room
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LONGEST: Final = 4096
SECONDS: Final = 30.0


class NoPodError(MeshError):
    """The mesh gives no pod."""

    code = "local.no-pod"
    blame = Blame.CALLER


@contextlib.contextmanager
def lodged(nets: Path, pod: str, outward: Sequence[int]) -> Iterator[str]:
    """Put this process into a new ``pod``; yield the pod's address.

    What it starts is in there too, and asks the pod for DNS. The process does not come
    out again; when it ends the pod is gone.

    Args:
        nets: Where the pods of the mesh are found, see `Nets`.
        pod: Its name, which no other has.
        outward: Ports of the machine's loopback that it reaches at its own.

    Raises:
        NoPodError: If there is none to be had.

    """
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(SECONDS)
        try:
            asking.connect(str(control_socket(nets)))
            asking.sendall(msgspec.json.encode(Guest(pod, tuple(outward))) + b"\n")
            room = msgspec.json.decode(asking.recv(LONGEST), type=Room)
        except (OSError, msgspec.DecodeError) as error:
            raise NoPodError(f"no pod for {pod}: {error}; is the mesh up?") from None
        if room.refused:
            raise NoPodError(room.refused)
        enter_pod(nets, pod, names=True)
        find_system_programs()  # a packet filter, to capture what it sends
        yield room.address
