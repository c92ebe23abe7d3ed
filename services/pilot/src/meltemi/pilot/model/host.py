"""Host names, as configuration writes them and as they are compared."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICES: Final = ".svc."
"""What stands between a namespace and the mesh's domain."""


def resolve(host: str, namespace: str, domain_suffix: str) -> str:
    """Return the full name of ``host`` as written in an object of ``namespace``.

    A name without a dot is short for a service of the same namespace; anything else
    is taken as it stands (pilot/pkg/model ResolveShortnameToFQDN). Without a suffix the
    namespace is all that is added.
    """
    if "." in host or host.startswith("*") or not host or not namespace:
        return host.lower()
    suffix = f".svc.{domain_suffix}" if domain_suffix else ""
    return f"{host}.{namespace}{suffix}".lower()


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


def domains(host: str, dns_domain: str) -> tuple[str, ...]:
    """Return the names by which a proxy within ``dns_domain`` may call ``host``.

    Within ``default.svc.cluster.local``, ``reviews.default.svc.cluster.local`` is also
    ``reviews``, ``reviews.default.svc`` and ``reviews.default``. The full name may end
    in a dot. An address is its only name; IPv6 has brackets.

    Source:
        pilot/pkg/networking/core/httproute.go generateVirtualHostDomains.

    """
    if is_address(host):
        return (f"[{host}]" if ":" in host else host,)
    if SERVICES in dns_domain:
        return (host, f"{host}.", *_within_cluster(host, dns_domain))
    return (host, f"{host}.", *_within_domain(host, dns_domain))


def seen_from(host: str, dns_domain: str) -> str:
    """Return a DNS domain within which ``host`` has the same `domains`.

    From all namespaces but its own it is called alike: they share one.
    """
    namespace, services, suffix = dns_domain.partition(SERVICES)
    if not services or namespace_of(host, suffix) == namespace:
        return dns_domain
    return f"{services}{suffix}"


def namespace_of(host: str, suffix: str) -> str:
    """Return the namespace of ``NAME.NAMESPACE.svc.SUFFIX``; empty for other hosts."""
    short = host.removesuffix(f"{SERVICES}{suffix}")
    return "" if short == host else short.partition(".")[2]


def _within_cluster(host: str, dns_domain: str) -> tuple[str, ...]:
    namespace, _, suffix = dns_domain.partition(SERVICES)
    short = host.removesuffix(f"{SERVICES}{suffix}")
    name, dot, home = short.partition(".")
    if short == host or not dot:
        return ()
    if home == namespace:
        return (name, f"{short}.svc", short)
    return (short, f"{short}.svc")


def _within_domain(host: str, dns_domain: str) -> tuple[str, ...]:
    """Return what is left of ``host`` without the labels it shares with the domain."""
    labels, others = host.split("."), dns_domain.split(".")
    shared = 0
    for one, other in zip(reversed(labels), reversed(others), strict=False):
        if one != other:
            break
        shared += 1
    own = labels[: len(labels) - shared]
    if not shared or not own:
        return ()
    unique = ".".join(own)
    named_with_home = len(own) == 2  # noqa: PLR2004 - name and namespace
    return (unique, f"{unique}.{labels[len(own)]}") if named_with_home else (unique,)


def is_address(host: str) -> bool:
    """Tell whether ``host`` is an IPv4 or IPv6 address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
