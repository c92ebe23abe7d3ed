"""``python -m meltemi.ctl.local.pods FILE``: the process behind the pods of a mesh.

It ends when either half of it does, and with it all ways into the pods.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import msgspec

from meltemi.ctl.local.pods.hall import LOOPBACK, run_hall
from meltemi.ctl.local.pods.namespaces import find_system_programs
from meltemi.ctl.local.pods.network import Network
from meltemi.ctl.local.pods.outside import Outside
from meltemi.kernel.errors import MeshError
from meltemi.runtime.logs import configure_logs


def main(file: Path) -> int:
    """Serve the network that ``file`` describes until a signal ends it."""
    find_system_programs()
    network = msgspec.json.decode(file.read_bytes(), type=Network)
    configure_logs("pods", "pods", json=not sys.stderr.isatty())
    inward = [socket.create_server((LOOPBACK, door.here)) for door in network.inward]
    outer, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if not child:
        outer.close()
        try:
            run_hall(network, inward, inner)
        except MeshError as error:
            sys.stderr.write(f"{error.code}: {error}\n")
            return 1
    inner.close()
    for listener in inward:
        listener.close()
    asyncio.run(Outside(outer, network.ready).serve())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
