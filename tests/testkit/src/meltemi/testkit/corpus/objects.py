"""The objects of a played mesh, as ``istio.mcp.v1alpha1.Resource`` carries them.

Source: istio.io/api, networking/v1alpha3: service_entry.proto, virtual_service.proto,
sidecar.proto; mcp/v1alpha1/resource.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.testkit.corpus.wire import msg, num

if TYPE_CHECKING:
    from collections.abc import Mapping

RESOURCE_URL: Final = "type.googleapis.com/istio.mcp.v1alpha1.Resource"
SERVICE_ENTRY: Final = "ServiceEntry"
VIRTUAL_SERVICE: Final = "VirtualService"
SIDECAR: Final = "Sidecar"
KINDS: Final = (SERVICE_ENTRY, VIRTUAL_SERVICE, SIDECAR)
EPOCH: Final = 1_700_000_000


class Protocol(StrEnum):
    """What a service speaks."""

    HTTP = "HTTP"
    TCP = "TCP"
    TLS = "TLS"


class Port(NamedTuple):
    """What clients connect to, and what its endpoints listen on."""

    name: str
    number: int
    target: int


PORTS: Final[Mapping[Protocol, Port]] = {
    Protocol.HTTP: Port("http", 80, 8080),
    Protocol.TCP: Port("tcp", 9000, 9001),
    Protocol.TLS: Port("tls", 443, 8443),
}


@dataclass(slots=True)
class Service:
    """Service J: svc-J.ns-N.svc.cluster.local, one port, endpoints known by address.

    Its endpoint k is 10.(1+k).(J/250).(1+J%250).
    """

    index: int
    name: str
    home: int
    """The number of its namespace."""
    endpoints: list[str]
    protocol: Protocol = Protocol.HTTP
    vip: str = ""
    version: int = 1

    @property
    def host(self) -> str:
        """The name clients use."""
        return f"{self.name}.{namespace(self.home)}.svc.cluster.local"

    @property
    def port(self) -> Port:
        """Its only port."""
        return PORTS[self.protocol]

    @property
    def cluster(self) -> str:
        """What Envoy is to call it."""
        return f"outbound|{self.port.number}||{self.host}"

    def encode(self) -> bytes:
        """Return its ServiceEntry."""
        name, number, target = self.port
        port = msg(3, num(1, number), msg(2, self.protocol), msg(3, name))
        ends = b"".join(
            msg(
                6,
                msg(1, ip),
                msg(2, msg(1, name), num(2, target)),
                msg(3, msg(1, "app"), msg(2, f"app-{self.index}")),
            )
            for ip in self.endpoints
        )
        body = (
            msg(1, self.host)
            + (msg(2, self.vip) if self.vip else b"")
            + port
            + num(4, 1)  # MESH_INTERNAL
            + num(5, 1)  # STATIC
            + ends
        )
        return wrap(SERVICE_ENTRY, _told(self, self.version), body)


@dataclass(slots=True)
class Route:
    """VirtualService J: the traffic of service J, split by weight with another one.

    Over HTTP, requests to /v2 all go to the other one.
    """

    service: Service
    other: Service
    weight: int
    version: int = 1

    def encode(self) -> bytes:
        """Return it."""
        both = self._to(self.service, self.weight) + self._to(
            self.other, 100 - self.weight
        )
        host = self.service.host
        match self.service.protocol:
            case Protocol.HTTP:
                body = self._second() + msg(3, msg(17, "rest"), both)
            case Protocol.TCP:
                body = msg(4, both)
            case Protocol.TLS:
                asked = msg(1, host) + num(3, self.service.port.number)
                body = msg(5, msg(1, asked), both)
        told = _told(self.service, self.version)
        return wrap(VIRTUAL_SERVICE, told, msg(1, host) + body)

    def _second(self) -> bytes:
        return msg(
            3,
            msg(17, "v2"),
            msg(1, msg(1, msg(2, "/v2"))),
            self._to(self.other, 0),
            msg(6, num(1, 5)),  # times out after five seconds
        )

    @staticmethod
    def _to(service: Service, weight: int) -> bytes:
        where = msg(1, service.host) + msg(3, num(1, service.port.number))
        return msg(2, msg(1, where), num(2, weight) if weight else b"")


@dataclass(frozen=True, slots=True)
class Reach:
    """The Sidecar of a namespace: its workloads see it, and what it imports."""

    home: int
    imports: tuple[int, ...]

    def encode(self) -> bytes:
        """Return it."""
        names = ("./*", *(f"{namespace(each)}/*" for each in self.imports))
        hosts = b"".join(msg(4, each) for each in names)
        told = Told(f"{namespace(self.home)}/default", self.home, 1)
        return wrap(SIDECAR, told, msg(3, hosts))


class Told(NamedTuple):
    """What is said of an object beside what it holds."""

    name: str
    """``NAMESPACE/NAME``."""
    age: int
    version: int


def namespace(number: int) -> str:
    """Return the name of a namespace."""
    return f"ns-{number}"


def _told(service: Service, version: int) -> Told:
    return Told(f"{namespace(service.home)}/{service.name}", service.index, version)


def wrap(kind: str, told: Told, body: bytes) -> bytes:
    """Return an object as field 2 of a DiscoveryResponse: Any{Resource{...}}."""
    meta = msg(
        1,
        msg(1, told.name),
        msg(2, num(1, EPOCH + told.age)),
        msg(3, str(told.version)),
    )
    spec = msg(
        2, msg(1, f"type.googleapis.com/istio.networking.v1alpha3.{kind}"), msg(2, body)
    )
    return msg(2, msg(1, RESOURCE_URL), msg(2, meta, spec))
