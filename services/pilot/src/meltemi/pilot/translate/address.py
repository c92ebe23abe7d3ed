"""Which virtual addresses of a service a proxy listens on.

Source: pilot/pkg/model/service.go GetAddressForProxy and GetExtraAddressesForProxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.model.service import UNSPECIFIED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope


def addresses(scope: Scope, service: Service) -> tuple[str, ...]:
    """Return the service's addresses as the proxy sees it, the main one first.

    Those of the proxy's own cluster go before the service's own; an automatic one is
    used where the proxy's DNS answers with it.
    """
    dual = scope.config.features.dual_stack
    found = all_addresses(scope.group, service)
    return found if dual else found[:1]


def all_addresses(group: ProxyClass, service: Service) -> tuple[str, ...]:
    """Return every address that proxies of ``group`` may call ``service`` at."""
    if service.cluster_addresses and group.node.cluster:
        given = service.cluster_addresses.get(group.node.cluster, ())
        own = tuple(_fitting(group, given))
        if own:
            return own
    if service.automatic_addresses and service.address == UNSPECIFIED:
        automatic = service.automatic_addresses if group.node.dns_capture else ()
        fitting = tuple(_fitting(group, automatic))
        if fitting:
            return fitting
    return (service.address,)


def _fitting(group: ProxyClass, found: Iterable[str]) -> Iterable[str]:
    return (each for each in found if (group.ipv6 if ":" in each else group.ipv4))
