"""Capturing the traffic of a whole machine, for the one workload that it is."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from meltemi.ctl.workload.wish import BadWishError
from meltemi.proxy.adapters.netfilter import Netfilter
from meltemi.proxy.adapters.system_sockets import ssh_ports_here
from meltemi.proxy.capture.guard import spared
from meltemi.proxy.capture.options import CaptureOptions
from meltemi.runtime.settings import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from meltemi.credentials.invitation import Invitation

MARK: Final = 1337
"""On what the proxy opens: agent and Envoy run as who joins, and so may the
application."""


def control_plane(invitation: Invitation, galley: str) -> tuple[str, ...]:
    """Return the addresses that an agent reaches before there is an Envoy.

    Raises:
        BadWishError: If one has a name that nobody knows.

    """
    told = (
        invitation.citadel_bootstrap,
        invitation.citadel_renewal,
        *invitation.pilots,
    )
    hosts = {Address.parse(each).host for each in told}
    return _addresses({*hosts, urlsplit(galley).hostname or ""})


def _addresses(hosts: Iterable[str]) -> tuple[str, ...]:
    found: set[str] = set()
    for host in hosts:
        try:
            named = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
        except OSError as error:
            raise BadWishError(f"no address of {host}: {error.strerror}") from None
        found |= {str(each[4][0]) for each in named}
    return tuple(sorted(found))


def machine_options(
    beyond: Iterable[str], environ: Mapping[str, str]
) -> CaptureOptions:
    """Return what to capture: all but SSH, and what goes to the addresses ``beyond``.

    The agent opens connections there that carry no mark.
    """
    ranges = (ipaddress.ip_network(each) for each in beyond)
    options = CaptureOptions(
        uids=(),
        gids=(),
        mark=MARK,
        dns=True,
        outbound_ranges_exclude=tuple(map(str, ranges)),
    )
    return spared(options, ssh_ports_here(environ))


@contextlib.contextmanager
def capturing(
    options: CaptureOptions | None, sign: Path
) -> Iterator[Callable[[], None]]:
    """Yield what sets the rules, once the proxy is ready; take them away afterwards.

    Nothing is captured where there are no ``options``. Rules that were here before are
    somebody else's, unless ``sign`` is there: they are left alone, and none are set
    beside them.

    Args:
        options: What to capture.
        sign: A file of the workload's that is there while it has rules, also when it
            was killed and could not take them away.

    Raises:
        BadWishError: If this machine's traffic is captured already.
        CaptureFailedError: If the packet filter does not take the rules: they need
            root.
        NoPacketFilterError: If there is none.

    """
    if options is None:
        yield lambda: None
        return
    netfilter = Netfilter()
    if netfilter.holds_ours() and not sign.exists():
        raise BadWishError(
            "the traffic of this machine is captured already, for another workload or "
            "by hand: join without --captured, or take the rules away first "
            "(meltemi capture clean)"
        )
    with contextlib.ExitStack() as undoing:

        def capture() -> None:
            sign.touch()
            undoing.callback(sign.unlink, missing_ok=True)
            undoing.callback(netfilter.clean, options)
            netfilter.apply(options)

        yield capture
