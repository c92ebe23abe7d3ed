"""The domains of a service's virtual host, and who has them when several could.

Source: pilot/pkg/networking/core/httproute.go generateVirtualHostDomains and
dedupeDomains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.model import host
from meltemi.pilot.model.service import UNSPECIFIED, Registry
from meltemi.pilot.translate.address import all_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.proxy import ProxyClass


@dataclass(frozen=True, slots=True)
class Domains:
    """What requests may call a service.

    Attributes:
        names: In whatever case; no two are the same but for it.
        keys: The names as they are compared.
        short: Those of ``names`` that are its host without some of its end: they
            never take the full name of another service.

    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    short: frozenset[str]


def _domains(names: Iterable[str], short: frozenset[str]) -> Domains:
    by_key: dict[str, str] = {}
    for each in names:
        by_key.setdefault(each.lower(), each)
    return Domains(tuple(by_key.values()), tuple(by_key), short)


def service_domains(group: ProxyClass, service: Service, dns_domain: str) -> Domains:
    """Return the domains of ``service`` to the proxies of ``group``.

    ``dns_domain`` is theirs, or one from which the service is called alike.
    """
    own = service.registry is Registry.KUBERNETES
    return _of_service(
        tuple(
            (each, host.seen_from(each, dns_domain))
            for each in (service.host, *service.aliases)
        ),
        all_addresses(group, service),
        service.resolution is Resolution.NONE and own,
    )


@lru_cache(1 << 15)  # most of a mesh calls a service by the same names
def _of_service(
    hosts: tuple[tuple[str, str], ...],
    addresses: tuple[str, ...],
    headless: bool,  # noqa: FBT001 - lru_cache tells keywords apart
) -> Domains:
    """Return the domains of ``hosts``, each with the DNS domain it is called from."""
    names: list[str] = []
    short: set[str] = set()
    for each, domain in hosts:
        found = host.domains(each, domain)
        names += found
        short |= set(found) - {each, f"{each}."}
    if headless:
        names += [f"*.{each}" for each in names]
    names += [
        host.domains(each, "")[0] for each in addresses if each not in ("", UNSPECIFIED)
    ]
    return _domains(names, frozenset(short))


def literal_domains(name: str) -> Domains:
    """Return the domains of a host that no service has: the name as it stands."""
    return _domains((name,), frozenset())


def with_port(found: Domains, port: int) -> Domains:
    """Return ``found`` and each of them with ``:port``: what HTTP proxies are asked."""
    return _domains(
        (each for name in found.names for each in (name, f"{name}:{port}")),
        found.short | {f"{name}:{port}" for name in found.short},
    )


@dataclass(slots=True)
class Taken:
    """The domains of one route table, as virtual hosts take them one after another.

    ``full`` are the hosts of all its services.
    """

    full: frozenset[str]
    domains: set[str] = field(default_factory=set[str])

    def take(self, wanted: Domains) -> tuple[str, ...]:
        """Return those of ``wanted`` that are free; they are taken from now on."""
        if self.domains.isdisjoint(wanted.keys) and self.full.isdisjoint(wanted.short):
            self.domains.update(wanted.keys)
            return wanted.names
        free = []
        for key, each in zip(wanted.keys, wanted.names, strict=True):
            if key in self.domains or (each in wanted.short and each in self.full):
                continue
            self.domains.add(key)
            free.append(each)
        return tuple(free)
