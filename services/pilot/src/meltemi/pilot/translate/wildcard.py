"""The addresses that mean "any" to a proxy, by the families it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from meltemi.pilot.scope.scope import Scope

ANY: Final = "0.0.0.0"  # noqa: S104 - what captured traffic is matched by
ANY6: Final = "::"
LOOPBACK: Final = "127.0.0.1"
LOOPBACK6: Final = "::1"


def wildcards(scope: Scope) -> tuple[str, ...]:
    """Return the "any" addresses of the proxy's families, the first the main one."""
    return _of_families(scope, ANY, ANY6)


def loopbacks(scope: Scope) -> tuple[str, ...]:
    """Return the loopback addresses of the proxy's families."""
    return _of_families(scope, LOOPBACK, LOOPBACK6)


def virtual(scope: Scope) -> tuple[str, ...]:
    """Return where captured traffic arrives: of both families where that is on."""
    found = wildcards(scope)
    if found == (ANY6,) and scope.config.features.ipv4_listener_for_ipv6_only:
        return (ANY6, ANY)
    return found if scope.config.features.dual_stack else found[:1]


def _of_families(scope: Scope, v4: str, v6: str) -> tuple[str, ...]:
    group = scope.group
    if group.ipv4 and group.ipv6:
        return (v6, v4) if group.ipv6_first else (v4, v6)
    return (v4,) if group.ipv4 else (v6,)
