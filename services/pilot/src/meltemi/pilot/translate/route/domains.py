"""The domains of a service's virtual host, and who has them when several could.

Source: pilot/pkg/networking/core/httproute.go generateVirtualHostDomains and
dedupeDomains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.model import host
from meltemi.pilot.model.service import UNSPECIFIED, Registry
from meltemi.pilot.translate.address import all_addresses

if TYPE_CHECKING:
    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.proxy import ProxyClass


@dataclass(frozen=True, slots=True)
class Domains:
    """What requests may call a service.

    ``short`` are those of ``names`` that are its host without some of its end: they
    never take the full name of another service.
    """

    names: tuple[str, ...]
    short: frozenset[str]


def service_domains(group: ProxyClass, service: Service) -> Domains:
    """Return the domains of ``service`` to the proxies of ``group``."""
    names: list[str] = []
    short: set[str] = set()
    for each in (service.host, *service.aliases):
        found = host.domains(each, group.dns_domain)
        names += found
        short |= set(found) - {each, f"{each}."}
    own = service.registry is Registry.KUBERNETES
    if service.resolution is Resolution.NONE and own:
        names += [f"*.{each}" for each in names]
    names += [
        host.domains(each, "")[0]
        for each in all_addresses(group, service)
        if each not in ("", UNSPECIFIED)
    ]
    return Domains(tuple(names), frozenset(short))


def literal_domains(name: str) -> Domains:
    """Return the domains of a host that no service has: the name as it stands."""
    return Domains((name,), frozenset())


def with_port(found: Domains, port: int) -> Domains:
    """Return ``found`` and each of them with ``:port``: what HTTP proxies are asked."""
    return Domains(
        tuple(each for name in found.names for each in (name, f"{name}:{port}")),
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
        free = []
        for each in wanted.names:
            key = each.lower()
            if key in self.domains or (each in wanted.short and each in self.full):
                continue
            self.domains.add(key)
            free.append(each)
        return tuple(free)
