"""Who asks: a proxy, as its node message describes it, and the class it falls into."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping

NODE_PARTS = 4
EXPLICIT = "MELTEMI_EXPLICIT"


class InvalidNodeError(MeshError):
    """A proxy does not say who it is in a way we understand."""

    code = "xds.invalid-node"
    blame = Blame.CALLER


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


@dataclass(frozen=True, slots=True)
class ProxyClass:
    """All that the resources of a proxy depend on, besides the mesh.

    Proxies of one class hold the same bytes, made once.
    """

    role: Role
    namespace: str
    labels: tuple[tuple[str, str], ...]
    explicit: Explicit = field(default_factory=Explicit)


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy: its name for people, ``NAME.NAMESPACE``, and its class."""

    name: str
    node_id: str
    group: ProxyClass


def proxy(node_id: str, metadata: Mapping[str, object]) -> Proxy:
    """Return who a node message describes.

    Args:
        node_id: ``TYPE~IP~NAME.NAMESPACE~DNS-DOMAIN``.
        metadata: NAMESPACE, LABELS, INTERCEPTION_MODE and MELTEMI_EXPLICIT are read.

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
    mode = metadata.get("INTERCEPTION_MODE", "NONE")
    if mode != "NONE":
        raise InvalidNodeError(
            f"INTERCEPTION_MODE {mode!r} needs traffic capture, which this Pilot "
            "does not offer: use NONE with MELTEMI_EXPLICIT"
        )
    home = parts[2].rpartition(".")[2]
    namespace = metadata.get("NAMESPACE")
    group = ProxyClass(
        role=Role(parts[0]),
        namespace=namespace if isinstance(namespace, str) and namespace else home,
        labels=tuple(sorted(_strings(metadata.get("LABELS"), "LABELS").items())),
        explicit=_explicit(metadata.get(EXPLICIT, {})),
    )
    return Proxy(name=parts[2], node_id=node_id, group=group)


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
