"""What to capture: Istio's inclusion and exclusion options, checked. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network

from meltemi.kernel.errors import Blame, MeshError

ALL = "*"
"""Every port, every address, every group."""

AGENT_PORTS = (15020, 15021, 15090)
"""Statistics, readiness and Envoy's own metrics: asked for in plain text."""

PROXY_ID = 1337
"""User and group that Envoy and agent run as: Istio's."""

GROUPS_LIMIT = 64
PORT_LIMIT = 65535
INTERFACE_LIMIT = 15
"""Characters of an interface's name (Linux: IFNAMSIZ less the zero)."""


class InvalidCaptureError(MeshError):
    """An option of the capture cannot be."""

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
        """Raise `InvalidCaptureError` naming the first option that cannot be."""
        for name in PORT_OPTIONS:
            for each in getattr(self, name):
                _check_port(name, each, star=name == "inbound_ports")
        for name in RANGE_OPTIONS:
            for each in getattr(self, name):
                _check_range(name, each, star=name == "outbound_ranges")
        for name in INTERFACE_OPTIONS:
            for each in getattr(self, name):
                _check_interface(name, each)
        for each in self.dns_servers:
            _check_address("dns_servers", each)
        self._check_groups()
        self._check_proxy()

    def _check_groups(self) -> None:
        if self.groups_exclude and self.groups != (ALL,):
            raise InvalidCaptureError(
                "groups and groups_exclude are both given: expected one of them"
            )
        if len(self.groups) + len(self.groups_exclude) > GROUPS_LIMIT:
            raise InvalidCaptureError(f"more than {GROUPS_LIMIT} groups are given")
        for each in (*self.groups, *self.groups_exclude):
            if each != ALL and not (each.isascii() and each.isdecimal()):
                raise InvalidCaptureError(
                    f"group {each!r}: expected the number of a group, or *"
                )

    def _check_proxy(self) -> None:
        told = self.mark is not None or self.uids or self.gids
        if self.outside and (told or self.inbound is Inbound.TPROXY):
            raise InvalidCaptureError(
                "a proxy that is outside opens nothing here: expected REDIRECT, and "
                "neither uids, gids nor a mark"
            )
        if not told and not self.outside:
            raise InvalidCaptureError(
                "neither uids, gids nor a mark tell which connections are the proxy's: "
                "what it opens would come back to it for ever"
            )
        if self.inbound is Inbound.TPROXY and self.mark is not None:
            raise InvalidCaptureError(
                "TPROXY marks packets itself: give uids or gids instead of a mark"
            )


PORT_OPTIONS = (
    "inbound_ports",
    "inbound_exclude",
    "outbound_ports",
    "outbound_exclude",
)
RANGE_OPTIONS = ("outbound_ranges", "outbound_ranges_exclude")
INTERFACE_OPTIONS = ("interfaces_exclude", "virtual_interfaces")


def of_family(networks: tuple[str, ...], version: int) -> tuple[str, ...]:
    """Return those of ``networks`` that are of IP ``version``, in canonical form."""
    found = (ip_network(each, strict=False) for each in networks if each != ALL)
    return tuple(str(each) for each in found if each.version == version)


def _check_port(option: str, word: str, *, star: bool) -> None:
    if star and word == ALL:
        return
    if not (word.isascii() and word.isdecimal() and 0 < int(word) <= PORT_LIMIT):
        wanted = "a port from 1 to 65535" + (", or *" if star else "")
        raise InvalidCaptureError(f"{option}: {word!r} found, expected {wanted}")


def _check_range(option: str, word: str, *, star: bool) -> None:
    if star and word == ALL:
        return
    try:
        ip_network(word, strict=False)
    except ValueError:
        wanted = "an address or CIDR" + (", or *" if star else "")
        raise InvalidCaptureError(
            f"{option}: {word!r} found, expected {wanted}"
        ) from None


def _check_address(option: str, word: str) -> None:
    try:
        ip_address(word)
    except ValueError:
        raise InvalidCaptureError(
            f"{option}: {word!r} found, expected an address"
        ) from None


def _check_interface(option: str, word: str) -> None:
    plain = word.isascii() and word.isprintable() and not set(word) & set(' /"!+:')
    if not plain or not 0 < len(word) <= INTERFACE_LIMIT:
        raise InvalidCaptureError(
            f"{option}: {word!r} found, expected the name of an interface"
        )
