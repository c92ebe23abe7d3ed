"""Who asks: a proxy, as its node message describes it, and the class it falls into."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from meltemi.config.schema.message import Message
from meltemi.pilot.ir import Locality
from meltemi.pilot.model.host import SERVICES, is_address
from meltemi.pilot.scope.node import (
    Interception,
    InvalidNodeError,
    NodeSettings,
    node_settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.config.resource import Resource

T = TypeVar("T", bound=Message)

NODE_PARTS = 4
EXPLICIT = "MELTEMI_EXPLICIT"


class Role(StrEnum):
    """What a proxy is for, as the first part of its node id spells it."""

    SIDECAR = "sidecar"
    GATEWAY = "router"


@dataclass(frozen=True, slots=True, order=True)
class Bind:
    """An address and a port of the proxy's machine."""

    address: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Bind:
        """Return the bind that ``ADDRESS:PORT`` spells.

        Raises:
            InvalidNodeError: If it is not one.

        """
        address, _, port = text.rpartition(":")
        if not address or not port.isdecimal():
            raise InvalidNodeError(f"{EXPLICIT}: {text!r} is not ADDRESS:PORT")
        return cls(address, int(port))


@dataclass(frozen=True, slots=True)
class Explicit:
    """Where a proxy listens when nothing captures traffic for it.

    Attributes:
        inbound: The one address where all services of the workload are reached.
        apps: Where the application listens, by port of its service.
        outbound: Where the application reaches a service, by ``HOST:PORT``.
        gateway: Where a gateway listens, by port of its Gateway's servers.
        http_proxy: Where the application may send requests as to an HTTP proxy.

    """

    inbound: Bind | None = None
    apps: tuple[tuple[int, Bind], ...] = ()
    outbound: tuple[tuple[str, Bind], ...] = ()
    gateway: tuple[tuple[int, Bind], ...] = ()
    http_proxy: Bind | None = None


CAPTURED: Final = Explicit()
"""Where nothing was told, traffic is captured."""


@dataclass(frozen=True, slots=True)
class ProxyClass:
    """All that the resources of a proxy depend on, besides the mesh.

    Proxies of one class hold the same bytes, made once.
    """

    role: Role
    namespace: str
    labels: tuple[tuple[str, str], ...]
    explicit: Explicit = field(default_factory=Explicit)
    interception: Interception = Interception.NONE
    addresses: tuple[str, ...] = ()
    """The proxy's own; empty where nothing captures traffic for it."""
    dns_domain: str = ""
    locality: Locality = field(default_factory=Locality)
    node: NodeSettings = field(default_factory=NodeSettings)
    hosts_apart: bool = False
    """Whether the virtual hosts of its tables are resources of their own."""
    hashed: int = field(init=False, repr=False, compare=False)
    """Found out once: a class is looked up for every push."""

    def __post_init__(self) -> None:
        words = (self.role, self.namespace, self.labels, self.addresses, self.node.raw)
        object.__setattr__(self, "hashed", hash(words))

    def __hash__(self) -> int:
        return self.hashed

    @property
    def label_map(self) -> Mapping[str, str]:
        """The labels by name: ask for those you need, so that others may differ."""
        return dict(self.labels)

    def home(self, names: frozenset[str]) -> str:
        """Return its namespace if it is one of ``names``; empty: it is none of them.

        Ask for it where only some namespaces are told apart: all others are alike.
        """
        return self.namespace if self.namespace in names else ""

    @property
    def dns_suffix(self) -> str:
        """What its DNS domain ends in, if it begins with a namespace; else empty."""
        return self.dns_domain.partition(SERVICES)[2]

    @property
    def placed(self) -> bool:
        """Whether its addresses are known."""
        return bool(self.addresses)

    @property
    def ipv6_first(self) -> bool:
        """Whether the first of its addresses is an IPv6 address."""
        return ":" in self.addresses[0] if self.addresses else False

    @property
    def captured(self) -> bool:
        """Whether it serves ports of services, and not addresses it was told."""
        return self.explicit == CAPTURED

    @property
    def ipv4(self) -> bool:
        """Whether it has an IPv4 address, or none that is known."""
        return not self.addresses or any("." in each for each in self.addresses)

    @property
    def ipv6(self) -> bool:
        """Whether it has an IPv6 address."""
        return any(":" in each for each in self.addresses)


def home_among(group: ProxyClass, objects: Iterable[Resource[T]]) -> str:
    """Return the namespace of ``group`` if one of ``objects`` is in it, else empty."""
    return group.home(frozenset(each.metadata.namespace for each in objects))


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy: its name for people, ``NAME.NAMESPACE``, and its class."""

    name: str
    node_id: str
    group: ProxyClass


def proxy(
    node_id: str,
    metadata: Mapping[str, object],
    locality: Locality = Locality(),  # noqa: B008 - a frozen value
    extensions: Iterable[str] = (),
) -> Proxy:
    """Return who a node message describes.

    Args:
        node_id: ``TYPE~IP~NAME.NAMESPACE~DNS-DOMAIN``.
        metadata: Istio's keys (`meltemi.pilot.scope.node`) and MELTEMI_EXPLICIT.
        locality: Where the node says it is; labels of the workload win.
        extensions: Those its Envoy has; none: nobody said, and it has them all.

    Raises:
        InvalidNodeError: If a part is missing, or asks for what Pilot can't do.

    """
    parts = node_id.split("~")
    if len(parts) != NODE_PARTS:
        raise InvalidNodeError(
            f"node id {node_id!r} has {len(parts)} parts, expected "
            "TYPE~IP~NAME.NAMESPACE~DNS-DOMAIN"
        )
    if parts[0] not in set(Role):
        raise InvalidNodeError(
            f"node type {parts[0]!r} is not known: {', '.join(Role)}"
        )
    home = parts[2].rpartition(".")[2]
    namespace = metadata.get("NAMESPACE")
    labels = _strings(metadata.get("LABELS"), "LABELS")
    explicit = _explicit(metadata.get(EXPLICIT, {}))
    addresses = _addresses(metadata, parts[1])
    group = ProxyClass(
        role=Role(parts[0]),
        namespace=namespace if isinstance(namespace, str) and namespace else home,
        labels=tuple(sorted(labels.items())),
        explicit=explicit,
        interception=_interception(metadata, explicit),
        addresses=addresses if explicit == CAPTURED else (),
        dns_domain=parts[3],
        locality=_place(labels) or locality,
        node=node_settings(metadata, extensions),
    )
    return Proxy(name=parts[2], node_id=node_id, group=group)


def _interception(metadata: Mapping[str, object], explicit: Explicit) -> Interception:
    default = "REDIRECT" if explicit == CAPTURED else "NONE"
    word = str(metadata.get("INTERCEPTION_MODE") or default)
    if word not in set(Interception):
        raise InvalidNodeError(
            f"INTERCEPTION_MODE {word!r} is not known: {', '.join(Interception)}"
        )
    return Interception(word)


def _addresses(metadata: Mapping[str, object], in_id: str) -> tuple[str, ...]:
    """Return the node's valid addresses; that of its id where it names none.

    Raises:
        InvalidNodeError: If the id holds no address, or another than the metadata.

    """
    given = metadata.get("INSTANCE_IPS")
    words = given if isinstance(given, list) else str(given or "").split(",")
    named = tuple(str(each) for each in words if each)
    if in_id and not is_address(in_id):
        raise InvalidNodeError(f"node id names {in_id!r}, which is no IP address")
    if in_id and named and in_id not in named:
        raise InvalidNodeError(
            f"node id names the address {in_id}, INSTANCE_IPS of its metadata are "
            f"{', '.join(named)}"
        )
    return named or ((in_id,) if in_id else ())


def _place(labels: Mapping[str, str]) -> Locality | None:
    """Return the place that a workload's labels name.

    Source:
        pilot/pkg/model/locality.go GetLocalityLabel, and Kubernetes' topology labels.

    """
    written = labels.get("istio-locality")
    if written:
        separator = "/" if "/" in written else "."
        return Locality(*written.split(separator)[:3])
    region = labels.get("topology.kubernetes.io/region")
    if not region:
        return None
    return Locality(
        region,
        labels.get("topology.kubernetes.io/zone", ""),
        labels.get("topology.istio.io/subzone", ""),
    )


def _explicit(given: object) -> Explicit:
    if not isinstance(given, dict):
        raise InvalidNodeError(f"{EXPLICIT} must be an object, found {given!r}")
    unknown = given.keys() - set(Explicit.__dataclass_fields__)
    if unknown:
        raise InvalidNodeError(f"{EXPLICIT} has unknown keys: {sorted(unknown)}")
    return Explicit(
        inbound=_bind(given.get("inbound")),
        apps=_by_port(given.get("apps"), "apps"),
        outbound=tuple(
            (target, Bind.parse(bind))
            for target, bind in sorted(
                _strings(given.get("outbound"), "outbound").items()
            )
        ),
        gateway=_by_port(given.get("gateway"), "gateway"),
        http_proxy=_bind(given.get("http_proxy")),
    )


def _bind(given: object) -> Bind | None:
    return None if given is None else Bind.parse(str(given))


def _by_port(given: object, where: str) -> tuple[tuple[int, Bind], ...]:
    pairs = _strings(given, where)
    wrong = [port for port in pairs if not port.isdecimal()]
    if wrong:
        raise InvalidNodeError(f"{where}: {wrong[0]!r} is not a port")
    return tuple(sorted((int(port), Bind.parse(bind)) for port, bind in pairs.items()))


def _strings(given: object, where: str) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidNodeError(f"{where} must be an object, found {given!r}")
    return {str(name): str(value) for name, value in given.items()}
