"""Which proxies an object can make a difference to. Pure, and on the safe side.

What only a Pilot can tell (routes that lead elsewhere, labels of a workload) is not
looked at: every proxy that could see the object is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.schema.peer_authentication import PeerAuthentication

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.distribution import ProxyRow

OWN: Final = "."
ALL: Final = "*"


def affected(
    resource: Resource[Message], proxies: Iterable[ProxyRow], root_namespace: str
) -> tuple[str, ...]:
    """Return the connected proxies, by name, that ``resource`` is visible to.

    Source:
        Istio's ``exportTo``: absent or ``*`` for all namespaces, ``.`` for its own;
        a policy holds in its namespace, one of the root namespace everywhere.

    """
    where = _namespaces(resource, root_namespace)
    return tuple(
        sorted(
            row.proxy
            for row in proxies
            if row.connected and (where is None or _namespace(row.proxy) in where)
        )
    )


def _namespaces(resource: Resource[Message], root: str) -> frozenset[str] | None:
    """Return the namespaces that see ``resource``; None for all."""
    home: str = resource.metadata.namespace
    if isinstance(resource.spec, PeerAuthentication):
        return None if home == root else frozenset({home})
    exported: object = getattr(resource.spec, "export_to", None)
    if not isinstance(exported, tuple | list) or not exported or ALL in exported:
        return None
    return frozenset(home if each == OWN else str(each) for each in exported)


def _namespace(proxy: str) -> str:
    """Return the namespace in a proxy's name: ``reviews-v1.default``."""
    return proxy.rpartition(".")[2]
