"""Which service a client means by a host, and the address it connects to."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError
from meltemi.pilot.model.host import covers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.ctl.lens.world import World
    from meltemi.pilot.model.service import Service

ANYWHERE = "240.240.0.1"
"""Where a service without an address is called: what its client's DNS would say."""


class UnknownHostError(MeshError):
    """No service has that host and port."""

    code = "lens.unknown-host"
    blame = Blame.CALLER


def resolved(world: World, host: str, port: int, namespace: str) -> str:
    """Return the address that a client in ``namespace`` connects to for a host.

    An address is itself, and a pod of a headless service has a name there.

    Raises:
        UnknownHostError: If no service is called that, or it lacks the port.

    """
    if is_address(host):
        return host
    pod = _pod(world, host, port, namespace)
    return pod or _address(service(world, host, port, namespace))


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def service(world: World, host: str, port: int, namespace: str) -> Service:
    """Return the service that a client in ``namespace`` means by ``host``.

    Of several with wildcards it is the one with the longest.

    Raises:
        UnknownHostError: If no service is called that, or it lacks the port.

    """
    found = next(_called(world, host, namespace), None)
    if found is None:
        known = ", ".join(sorted(world.index.services.by_host))
        raise UnknownHostError(
            f"{host!r} is no service and no address, and what its DNS would say is "
            f"not known here: expected one of {known}"
        )
    if found.port(port) is None:
        ports = ", ".join(str(each.number) for each in found.ports)
        raise UnknownHostError(f"{found.host} has no port {port}, but {ports}")
    return found


def _called(world: World, host: str, namespace: str) -> Iterator[Service]:
    suffix = world.index.config.domain_suffix
    known = world.index.services.by_host
    wild = [each for each in known if each.startswith("*") and covers(each, host)]
    full = (host, f"{host}.{namespace}.svc.{suffix}", f"{host}.svc.{suffix}")
    for name in (*full, *sorted(wild, key=len, reverse=True)):
        yield from known.get(name, {}).values()


def _pod(world: World, host: str, port: int, namespace: str) -> str | None:
    """Return the address of a pod by its own name: ``POD.SERVICE…``, headless."""
    name, _, rest = host.partition(".")
    for each in _called(world, rest, namespace):
        known = each.port(port)
        for one in each.of(known) if known and each.headless else ():
            if one.host_name == name:
                return one.address
    return None


def _address(found: Service) -> str:
    if found.headless:
        return found.instances[0].address
    if found.address != "0.0.0.0":  # noqa: S104 - compared, never bound
        return found.address.partition("/")[0]
    return next(iter(found.automatic_addresses), ANYWHERE)
