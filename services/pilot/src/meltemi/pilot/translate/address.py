"""Which virtual addresses of a service a proxy listens on.

Source: pilot/pkg/model/service.go GetAddressForProxy and GetExtraAddressesForProxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.model.service import UNSPECIFIED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.scope import Scope


def addresses(scope: Scope, service: Service) -> tuple[str, ...]:
    """Return the service's addresses as the proxy sees it, the main one first.

    Those of the proxy's own cluster go before the service's own; an automatic one is
    used where the proxy's DNS answers with it.
    """
    group = scope.group
    own = tuple(
        _fitting(scope, service.cluster_addresses.get(group.node.cluster, ()))
        if group.node.cluster
        else ()
    )
    if own:
        return own if scope.config.features.dual_stack else own[:1]
    if group.node.dns_capture and service.address == UNSPECIFIED:
        automatic = tuple(_fitting(scope, service.automatic_addresses))
        if automatic:
            return automatic if scope.config.features.dual_stack else automatic[:1]
    return (service.address,)


def _fitting(scope: Scope, found: Iterable[str]) -> Iterable[str]:
    group = scope.group
    return (each for each in found if (group.ipv6 if ":" in each else group.ipv4))
