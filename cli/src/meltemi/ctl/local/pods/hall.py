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
    Guest,
    Nets,
    Room,
    Way,
    free_address,
    link_of,
)
from meltemi.ctl.local.pods.redirect import home_rule, out_rule, set_rule
from meltemi.ctl.local.record import write_private
from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.adapters.netfilter import Netfilter
from meltemi.proxy.capture.options import CaptureOptions

if TYPE_CHECKING:
    from asyncio.trsock import TransportSocket
    from collections.abc import Sequence

    from meltemi.ctl.local.pods.forward import Dial
    from meltemi.ctl.local.pods.network import Network

LOOPBACK: Final = "127.0.0.1"
DNS_PORT: Final = 53
COMPLETE: Final = b"+"
"""Said when every door of the mesh's own pods is handed over."""
GONE: Final = "-"
"""Said before the name of a pod that is no more."""
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
    hall = Hall(network, _settle(network), outside)
    for pod in network.pods:
        hall.add(pod, network.outward, captured=pod in network.captured)
    outside.send(COMPLETE)
    asyncio.run(hall.serve(inward))
    raise SystemExit


class PodTakenError(MeshError):
    """There is a pod of this name."""

    code = "local.pod-taken"
    blame = Blame.CALLER


class Hall:
    """The pods, and who is in them."""

    def __init__(self, network: Network, home: int, outside: socket.socket) -> None:
        self._network, self._home, self._outside = network, home, outside
        self._pods: dict[str, int] = {}
        self._addresses: dict[str, str] = {}
        asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asked.bind((HUB, DNS_PORT))
        doors = [_listening("", OUT_PORT), asked, _listening(HUB, DNS_PORT)]
        self._hand_over("", doors, [Way.ELSEWHERE, Way.QUESTIONS, Way.NAMESERVER])

    def add(self, pod: str, outward: Sequence[int], *, captured: bool) -> Room:
        """Make ``pod``, with doors to the ports ``outward`` of this machine.

        Raises:
            PodTakenError: If there is one of the name.
            TooManyPodsError: If there is no address left.

        """
        if pod in self._pods:
            raise PodTakenError(
                f"there is a pod {pod!r} already: choose another --name"
            )
        address = free_address(self._addresses.values())
        net = _pod(address, self._home)
        with within(net, self._home):
            if captured:
                _capture()
            set_rule(home_rule(MARK, HOME_PORT))
            doors = [_listening(LOOPBACK, port) for port in (*outward, HOME_PORT)]
        self._hand_over(pod, doors, [*map(str, outward), Way.HOME])
        self._pods[pod], self._addresses[pod] = net, address
        write_private(Path(self._network.nets), msgspec.json.encode(self._nets()))
        return Room(address)

    def drop(self, pod: str) -> None:
        """Forget ``pod``; what still runs in it keeps it, without any door."""
        self._outside.send(f"{GONE}{pod}".encode())
        # The link first: it goes with the namespace, some time after that is let go.
        ip(f"link del {link_of(self._addresses.pop(pod))}")
        os.close(self._pods.pop(pod))
        write_private(Path(self._network.nets), msgspec.json.encode(self._nets()))

    def _nets(self) -> Nets:
        return Nets(os.getpid(), dict(self._pods))

    def _hand_over(
        self, pod: str, doors: Sequence[socket.socket], names: Sequence[str]
    ) -> None:
        """Send the ``doors`` of ``pod`` outside, each with where it leads."""
        text = ",".join([pod, *names]).encode()
        socket.send_fds(self._outside, [text], [door.fileno() for door in doors])
        for door in doors:
            door.close()

    async def serve(self, inward: Sequence[socket.socket]) -> None:
        """Pass on what comes by ``inward``, and make pods for who asks, for ever."""
        control = control_socket(Path(self._network.nets))
        control.unlink(missing_ok=True)
        async with asyncio.TaskGroup() as tasks:
            for door, listener in zip(self._network.inward, inward, strict=True):
                listener.settimeout(0)
                dial = _into(self._pods[door.pod], self._home, door.there)
                tasks.create_task(forward(listener, dial))
            server = await asyncio.start_unix_server(self._lodge, control)
            async with server:
                await server.serve_forever()

    async def _lodge(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Make a pod for who asks, and keep it until they hang up."""
        guest = msgspec.json.decode(await reader.readline(), type=Guest)
        pod = ""
        try:
            room = self.add(guest.pod, guest.outward, captured=False)
            pod = guest.pod
        except MeshError as error:
            room = Room(refused=f"{error}")
        try:
            writer.write(msgspec.json.encode(room) + b"\n")
            await writer.drain()
            await reader.read()
        finally:
            writer.close()
            if pod:
                self.drop(pod)


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


def control_socket(nets: Path) -> Path:
    """Return where pods can be asked for, beside the file ``nets``."""
    return nets.with_name("control.sock")


def resolv_conf(nets: Path) -> Path:
    """Return the resolver configuration of the pods, beside the file ``nets``."""
    return nets.with_name("resolv.conf")


def _pod(address: str, home: int) -> int:
    """Make one pod with ``address``; return its network, and be in ``home``."""
    link = link_of(address)
    net = new_network()
    namespaces.enter(home, namespaces.CLONE_NEWNET)
    there = f"/proc/{os.getpid()}/fd/{net}"
    ip(f"link add {link} type veth peer name eth0 netns {there}")
    ip(f"link set {link} master hub up")
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


def _into(net: int, home: int, port: int) -> Dial:
    async def dial(_: TransportSocket) -> socket.socket:
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
