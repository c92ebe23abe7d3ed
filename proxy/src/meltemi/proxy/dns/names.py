"""What the names of the mesh resolve to, arranged for questions. No I/O.

Source: pkg/dns/client/dns.go of Istio: which short forms a name has, wildcards, and
how a name is answered that a resolver made longer by its search domain. For SRV:
Kubernetes' DNS specification, ``_PORT._TRANSPORT.SERVICE``, and RFC 2782.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from meltemi.proxy.dns.message import AAAA, A, address_record
from meltemi.proxy.dns.name import suffixes, wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.xds.name_table import Name

LIFE_SECONDS: Final = 30
"""Istio's: short, since nobody is told when an address changes."""

WILDCARD: Final = "*."
UNDERSCORE: Final = ord("_")
"""What the labels of a port and its transport begin with."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The records of one host, each without the name before it.

    Attributes:
        four: Of type A.
        six: Of type AAAA.
        host: Its full name.
        ports: What its ports' numbers are, by ``_PORT._TRANSPORT`` as in a message.

    """

    four: tuple[bytes, ...]
    six: tuple[bytes, ...]
    host: bytes = b"\0"
    ports: Mapping[bytes, int] = field(default_factory=dict[bytes, int])

    def of(self, kind: int) -> tuple[bytes, ...]:
        """Return those of type A or AAAA."""
        return self.four if kind == A else self.six


NOWHERE: Final = Addresses((), ())


@dataclass(frozen=True, slots=True)
class Found:
    """What a name resolves to.

    Attributes:
        addresses: The host's; of a name of a port: none.
        target: The host's name, where it is another than the one asked for.
        port: The number, of a name of a port.
        servers: Who serves that port.

    """

    addresses: Addresses
    target: bytes = b""
    port: int = 0
    servers: tuple[Addresses, ...] = ()


class Names:
    """The hosts of a mesh, by every name that workloads of one namespace use."""

    def __init__(self, table: Mapping[str, Name], namespace: str) -> None:
        self._exact: dict[bytes, Addresses] = {}
        self._below: dict[bytes, Addresses] = {}
        shorter: dict[bytes, Addresses] = {}
        for host, name in sorted(table.items()):
            key = wire(host.removeprefix(WILDCARD))
            addresses = _addresses(name, key) if key else NOWHERE
            if key is None or not (addresses.four or addresses.six):
                continue
            (self._below if host.startswith(WILDCARD) else self._exact)[key] = addresses
            for each in _short(name, namespace):
                shorter.setdefault(each, addresses)
        self._members = _members(self._exact)
        for key, addresses in shorter.items():
            self._exact.setdefault(key, addresses)  # a full name is nobody's short one

    def find(self, key: bytes, search: bytes = b"") -> Found | None:
        """Return what a name in small letters resolves to; None: it is not the mesh's.

        ``search`` is what resolvers try first to put behind a name. A name they made
        so stands for the one without it: that saves asking for all others.
        """
        exact = self._known(key)
        if exact is not None:
            return exact
        cut = len(key) - len(search)
        if search and cut > 0 and key.endswith(search) and search in suffixes(key):
            target = key[:cut] + b"\0"
            found = self._known(target) or self._wild(target)
            if found is not None:
                return Found(found.addresses, target, found.port, found.servers)
        return self._wild(key)

    def _known(self, key: bytes) -> Found | None:
        exact = self._exact.get(key)
        if exact is not None:
            return Found(exact)
        return self._port(key) if key[1:2] == b"_" else None

    def _port(self, key: bytes) -> Found | None:
        """Return who serves the port of a service that ``key`` names, if it has it."""
        at = key[0] + 1
        if key[at] == 0 or key[at + 1] != UNDERSCORE:
            return None
        at += key[at] + 1
        service = self._exact.get(key[at:])
        number = service.ports.get(key[:at]) if service else None
        if service is None or number is None:
            return None
        members = self._members.get(service.host, ())
        reached = {each for one in members for each in (*one.four, *one.six)}
        is_whole = reached >= {*service.four, *service.six}
        return Found(NOWHERE, b"", number, members if is_whole else (service,))

    def _wild(self, key: bytes) -> Found | None:
        if not self._below:
            return None
        found = (self._below.get(each) for each in suffixes(key))
        return next((Found(each) for each in found if each), None)


def _members(exact: Mapping[bytes, Addresses]) -> dict[bytes, tuple[Addresses, ...]]:
    """Return the hosts that are one label below a service that has ports, by that."""
    found: dict[bytes, list[Addresses]] = {}
    for key, each in exact.items():
        service = exact.get(key[key[0] + 1 :])
        if service is not None and service.ports:
            found.setdefault(service.host, []).append(each)
    return {service: tuple(members) for service, members in found.items()}


def _addresses(name: Name, host: bytes) -> Addresses:
    four: list[bytes] = []
    six: list[bytes] = []
    for text in name.addresses:
        try:
            address = ip_address(text)
        except ValueError:
            continue
        kind, into = (A, four) if address.version == 4 else (AAAA, six)  # noqa: PLR2004 - IPv4
        into.append(address_record(kind, LIFE_SECONDS, address.packed))
    return Addresses(tuple(four), tuple(six), host, _ports(name))


def _ports(name: Name) -> dict[bytes, int]:
    """Return the ports' numbers; of two of one name the first counts."""
    found: dict[bytes, int] = {}
    for port in name.ports:
        key = wire(f"_{port.name}._{port.transport}") if "." not in port.name else None
        if key and port.name:
            found.setdefault(key[:-1], port.number)
    return found


def _short(name: Name, namespace: str) -> Iterator[bytes]:
    if not name.short:
        return
    short = f"{name.short}.{name.namespace}"
    forms = [short, f"{short}.svc"]
    if name.namespace == namespace:
        forms.append(name.short)
    yield from (key for each in forms if (key := wire(each)))
