"""What the names of the mesh resolve to, arranged for questions. No I/O.

Source: pkg/dns/client/dns.go of Istio: which short forms a name has, wildcards, and
how a name is answered that a resolver made longer by its search domain.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Addresses:
    """The records of one host, each without the name before it."""

    four: tuple[bytes, ...]
    six: tuple[bytes, ...]

    def of(self, kind: int) -> tuple[bytes, ...]:
        """Return those of type A or AAAA."""
        return self.four if kind == A else self.six


@dataclass(frozen=True, slots=True)
class Found:
    """What a name resolves to; ``target`` is the host's, where it is another name."""

    addresses: Addresses
    target: bytes = b""


class Names:
    """The hosts of a mesh, by every name that workloads of one namespace use."""

    def __init__(self, table: Mapping[str, Name], namespace: str) -> None:
        self._exact: dict[bytes, Addresses] = {}
        self._below: dict[bytes, Addresses] = {}
        shorter: dict[bytes, Addresses] = {}
        for host, name in sorted(table.items()):
            addresses = _addresses(name)
            key = wire(host.removeprefix(WILDCARD))
            if key is None or not (addresses.four or addresses.six):
                continue
            (self._below if host.startswith(WILDCARD) else self._exact)[key] = addresses
            for each in _short(name, namespace):
                shorter.setdefault(each, addresses)
        for key, addresses in shorter.items():
            self._exact.setdefault(key, addresses)  # a full name is nobody's short one

    def find(self, key: bytes, search: bytes = b"") -> Found | None:
        """Return what a name in small letters resolves to; None: it is not the mesh's.

        ``search`` is what resolvers try first to put behind a name. A name they made
        so stands for the one without it: that saves asking for all others.
        """
        exact = self._exact.get(key)
        if exact is not None:
            return Found(exact)
        cut = len(key) - len(search)
        if search and cut > 0 and key.endswith(search) and search in suffixes(key):
            target = key[:cut] + b"\0"
            addresses = self._exact.get(target) or self._wild(target)
            if addresses is not None:
                return Found(addresses, target)
        wild = self._wild(key)
        return Found(wild) if wild else None

    def _wild(self, key: bytes) -> Addresses | None:
        if not self._below:
            return None
        found = (self._below.get(each) for each in suffixes(key))
        return next((each for each in found if each), None)


def _addresses(name: Name) -> Addresses:
    four: list[bytes] = []
    six: list[bytes] = []
    for text in name.addresses:
        try:
            address = ip_address(text)
        except ValueError:
            continue
        kind, into = (A, four) if address.version == 4 else (AAAA, six)  # noqa: PLR2004 - IPv4
        into.append(address_record(kind, LIFE_SECONDS, address.packed))
    return Addresses(tuple(four), tuple(six))


def _short(name: Name, namespace: str) -> Iterator[bytes]:
    if not name.short:
        return
    short = f"{name.short}.{name.namespace}"
    forms = [short, f"{short}.svc"]
    if name.namespace == namespace:
        forms.append(name.short)
    yield from (key for each in forms if (key := wire(each)))
