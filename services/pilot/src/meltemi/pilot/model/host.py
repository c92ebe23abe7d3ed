"""Host names, as configuration writes them and as they are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def resolve(host: str, namespace: str, domain_suffix: str) -> str:
    """Return the full name of ``host`` as written in an object of ``namespace``.

    A name without a dot is short for a service of the same namespace; anything else
    is taken as it stands (pilot/pkg/model ResolveShortnameToFQDN).
    """
    if "." in host or host.startswith("*") or not host:
        return host.lower()
    return f"{host}.{namespace}.svc.{domain_suffix}".lower()


def covers(pattern: str, host: str) -> bool:
    """Tell whether ``pattern`` (a name, ``*.suffix`` or ``*``) includes ``host``."""
    if not pattern.startswith("*"):
        return pattern == host
    return host.removeprefix("*").endswith(pattern[1:])


def overlap(one: str, other: str) -> str | None:
    """Return the narrower of two patterns that have hosts in common, else None."""
    if covers(other, one):
        return one
    return other if covers(one, other) else None


def intersection(ones: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Return the narrower of each two patterns that have hosts in common.

    Source:
        pkg/config/host/names.go Names.Intersection, whose order this has.

    """
    found = (overlap(one, other) for one in ones for other in others)
    return tuple(dict.fromkeys(host for host in found if host is not None))


def specificity(pattern: str) -> tuple[bool, int]:
    """Return a key that sorts more specific patterns higher."""
    return (not pattern.startswith("*"), len(pattern))


def aliases(host: str, namespace: str, domain_suffix: str) -> tuple[str, ...]:
    """Return the names by which a proxy of ``namespace`` may call ``host``.

    ``reviews.default.svc.cluster.local`` is also ``reviews`` (within its namespace),
    ``reviews.default`` and ``reviews.default.svc``; every name may end in a dot.

    Source:
        pilot/pkg/networking/core/httproute.go generateVirtualHostDomains.

    """
    names = [host, f"{host}."]
    suffix = f".svc.{domain_suffix}"
    short = host.removesuffix(suffix)
    if short != host and short.count(".") == 1:
        name, home = short.split(".")
        if home == namespace:
            names.append(name)
        names += [short, f"{short}.svc"]
    return tuple(names)
