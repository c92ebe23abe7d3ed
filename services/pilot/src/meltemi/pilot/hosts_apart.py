"""Which proxies are given virtual hosts one by one, and not in whole tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.config.heard import HOSTS_APART
from meltemi.pilot.emit.virtual_host import is_bare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.index import Index
    from meltemi.pilot.scope.proxy import Proxy, ProxyClass


def asks_apart(group: ProxyClass, index: Index | None) -> bool:
    """Return what proxies of ``group`` say about themselves, or the mesh of all."""
    if group.node.hosts_apart is not None or index is None:
        return bool(group.node.hosts_apart)
    told = index.config.proxy_defaults.proxy_metadata
    return told.get(HOSTS_APART, "").lower() in ("true", "1")


def in_class(proxy: Proxy, *, hosts_apart: bool) -> Proxy:
    """Return ``proxy`` in the class that gets virtual hosts so."""
    if proxy.group.hosts_apart == hosts_apart:
        return proxy
    return replace(proxy, group=replace(proxy.group, hosts_apart=hosts_apart))


def began_apart(told: Iterable[str]) -> bool | None:
    """Return whether a proxy that comes back holds tables without virtual hosts.

    Envoy would have no virtual hosts for a while if it were given a table without in
    place of a whole one, and the other way round it forgets the table's when it is
    rid of those it had apart. So it goes on as it began.

    Args:
        told: The versions of the tables that it says it holds; none: it is new, and
            anything will do (None).

    """
    versions = tuple(told)
    return any(map(is_bare, versions)) if versions else None
