"""What to capture: Istio's inclusion and exclusion options, checked. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.capture.complaints import complaints
from meltemi.proxy.capture.limits import ALL, PROXY_ID


class InvalidCaptureError(MeshError):
    """Options of the capture cannot be; a line for each."""

    code = "capture.invalid"
    blame = Blame.CALLER


class Inbound(StrEnum):
    """How connections from outside reach the proxy."""

    REDIRECT = "REDIRECT"
    """The application sees the proxy's address as its peer."""
    TPROXY = "TPROXY"
    """The application sees the caller's; Envoy needs CAP_NET_ADMIN."""


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What to capture, by the names of Istio's annotations and flags.

    Attributes:
        outbound_port: Where Envoy takes what the application opens.
        inbound_port: Where Envoy takes what comes for the application.
        tunnel_port: HBONE, which is the proxy's already.
        dns_port: Where the agent answers DNS.
        uids: Users whose connections are the proxy's own.
        gids: Groups likewise.
        mark: Instead of both: the mark on the proxy's sockets. In a user namespace
            with one user nothing else tells proxy and application apart.
        outside: The proxy opens nothing here: it is in another network namespace, and
            only its sockets for the application are in this one.
        inbound: How connections from outside reach the proxy.
        inbound_mark: TPROXY's mark; one more marks what the proxy opens to itself.
        route_table: TPROXY's routing table.
        inbound_ports: Ports to capture, or ``("*",)``; empty: none.
        inbound_exclude: Ports left alone although every port is captured.
        outbound_ports: Ports captured whatever the address.
        outbound_exclude: Ports never captured.
        outbound_ranges: CIDRs to capture, or ``("*",)``; empty: none.
        outbound_ranges_exclude: CIDRs never captured.
        groups: Groups whose processes are captured, or ``("*",)``.
        groups_exclude: Groups whose processes are not, where every other is.
        interfaces_exclude: Interfaces whose traffic is left alone.
        virtual_interfaces: Interfaces of machines behind this one, whose traffic
            counts as outbound.
        dns: Send the application's DNS to the agent.
        dns_servers: Only what goes to these; empty: whatever goes to port 53.
        drop_invalid: Drop packets that connection tracking calls invalid.

    Source:
        istio.io, resource annotations ``traffic.sidecar.istio.io/*``; istio-iptables.

    """

    outbound_port: int = 15001
    inbound_port: int = 15006
    tunnel_port: int = 15008
    dns_port: int = 15053
    uids: tuple[int, ...] = (PROXY_ID,)
    gids: tuple[int, ...] = (PROXY_ID,)
    mark: int | None = None
    outside: bool = False
    inbound: Inbound = Inbound.REDIRECT
    inbound_mark: int = 1337
    route_table: int = 133
    inbound_ports: tuple[str, ...] = (ALL,)
    inbound_exclude: tuple[str, ...] = ()
    outbound_ports: tuple[str, ...] = ()
    outbound_exclude: tuple[str, ...] = ()
    outbound_ranges: tuple[str, ...] = (ALL,)
    outbound_ranges_exclude: tuple[str, ...] = ()
    groups: tuple[str, ...] = (ALL,)
    groups_exclude: tuple[str, ...] = ()
    interfaces_exclude: tuple[str, ...] = ()
    virtual_interfaces: tuple[str, ...] = ()
    dns: bool = False
    dns_servers: tuple[str, ...] = ()
    drop_invalid: bool = False

    def __post_init__(self) -> None:
        """Raise `InvalidCaptureError` that names whatever cannot be."""
        wrong = list(complaints(self))
        if wrong:
            raise InvalidCaptureError("\n".join(wrong))


def of_family(networks: tuple[str, ...], version: int) -> tuple[str, ...]:
    """Return those of ``networks`` that are of IP ``version``, in canonical form."""
    found = (ip_network(each, strict=False) for each in networks if each != ALL)
    return tuple(str(each) for each in found if each.version == version)
