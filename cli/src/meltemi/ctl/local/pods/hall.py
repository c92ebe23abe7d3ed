"""The inner process: makes the pods, and passes on what comes into them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from meltemi.ctl.local.pods import namespaces
from meltemi.ctl.local.pods.forward import forward
from meltemi.ctl.local.pods.namespaces import ip, new_network, within
from meltemi.ctl.local.pods.network import (
    HOME_PORT,
    HUB,
    MARK,
    MASK,
    OUT_PORT,
    Nets,
    Way,
    addresses,
)
from meltemi.ctl.local.pods.redirect import home_rule, out_rule, set_rule
from meltemi.ctl.local.record import write_private
from meltemi.proxy.adapters.netfilter import Netfilter
from meltemi.proxy.capture.options import CaptureOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.ctl.local.pods.forward import Dial
    from meltemi.ctl.local.pods.network import Network

LOOPBACK: Final = "127.0.0.1"
DNS_PORT: Final = 53
COMPLETE: Final = b"complete"
"""Said when the last door is handed over."""
PR_SET_PDEATHSIG: Final = 1
SEARCH: Final = "default.svc.cluster.local svc.cluster.local cluster.local"
"""As in a pod of Kubernetes, for resolvers that complete names themselves."""


def run_hall(
    network: Network, inward: Sequence[socket.socket], outside: socket.socket
) -> NoReturn:
    """Make the pods, hand their doors ``outside``, and serve ``inward`` for ever.

    ``inward`` are the listening sockets of ``network.inward``, in that order.

    Raises:
        NamespaceRefusedError: If the kernel gives no namespace.
        CaptureFailedError: If it refuses what is set in one.

    """
    home = _settle(network)
    _hand_over(outside, [_listening("", OUT_PORT)], [Way.ELSEWHERE])
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.bind((HUB, DNS_PORT))
    _hand_over(
        outside, [asked, _listening(HUB, DNS_PORT)], [Way.QUESTIONS, Way.NAMESERVER]
    )
    nets: dict[str, int] = {}
    for number, (pod, address) in enumerate(addresses(network.pods).items()):
        nets[pod] = net = _pod(number, address, home)
        with within(net, home):
            if pod in network.captured:
                _capture()
            set_rule(home_rule(MARK, HOME_PORT))
            doors = [_listening(LOOPBACK, port) for port in network.outward]
            doors.append(_listening(LOOPBACK, HOME_PORT))
        _hand_over(outside, doors, [*map(str, network.outward), Way.HOME])
    found = Nets(os.getpid(), nets)
    write_private(Path(network.nets), msgspec.json.encode(found))
    outside.send(COMPLETE)
    outside.close()
    asyncio.run(_serve(network, inward, nets, home))
    raise SystemExit


def _settle(network: Network) -> int:
    """Enter the namespaces of all pods; return the hub's network."""
    if network.rootless:
        namespaces.become_root()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    namespaces.private_mounts()
    resolv = resolv_conf(Path(network.nets))
    resolv.write_text(f"nameserver {HUB}\nsearch {SEARCH}\n", encoding="ascii")
    namespaces.bind_file(resolv, Path("/etc/resolv.conf").resolve())
    home = new_network()
    ip("link set lo up")
    ip("link add hub type bridge")
    ip(f"addr add {HUB}/{MASK} dev hub")
    ip("link set hub up")
    set_rule(out_rule(f"{HUB}/{MASK}", OUT_PORT))
    return home


def resolv_conf(nets: Path) -> Path:
    """Return the resolver configuration of the pods, beside the file ``nets``."""
    return nets.with_name("resolv.conf")


def _pod(number: int, address: str, home: int) -> int:
    """Make one pod with ``address``; return its network, and be in ``home``."""
    net = new_network()
    namespaces.enter(home, namespaces.CLONE_NEWNET)
    there = f"/proc/{os.getpid()}/fd/{net}"
    ip(f"link add v{number} type veth peer name eth0 netns {there}")
    ip(f"link set v{number} master hub up")
    with within(net, home):
        ip("link set lo up")
        ip(f"addr add {address}/{MASK} dev eth0")
        ip("link set eth0 up")
        ip(f"route add default via {HUB}")
    return net


def _capture() -> None:
    Netfilter().apply(CaptureOptions(uids=(), gids=(), mark=MARK, dns=True))


def _listening(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), backlog=128)


def _hand_over(
    outside: socket.socket, doors: Sequence[socket.socket], names: Sequence[str]
) -> None:
    """Send ``doors`` to the process outside, each with where it leads."""
    socket.send_fds(
        outside, [",".join(names).encode()], [door.fileno() for door in doors]
    )
    for door in doors:
        door.close()


async def _serve(
    network: Network, inward: Sequence[socket.socket], nets: dict[str, int], home: int
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for door, listener in zip(network.inward, inward, strict=True):
            listener.settimeout(0)
            dial = _into(nets[door.pod], home, door.there)
            tasks.create_task(forward(listener, dial))


def _into(net: int, home: int, port: int) -> Dial:
    async def dial(_: socket.socket) -> socket.socket:
        with within(net, home):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(0)
        try:
            await asyncio.get_running_loop().sock_connect(made, (LOOPBACK, port))
        except BaseException:
            made.close()
            raise
        return made

    return dial
