"""Machines for tests: network namespaces on a bridge, which the test made itself.

A machine whose traffic is captured sends it through the proxy of user ``PROXY``, as
Istio's rules do: what leaves goes to port 15001, what arrives to 15006.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from meltemi.testkit.processes import python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

R = TypeVar("R")

PROXY: Final = 1337
"""The user whose traffic is left alone."""
TOOLS: Final = ("ip", "nft", "iptables-save", "setpriv")
CLONE_NEWNET: Final = 0x40000000


def missing() -> str:
    """Return why no namespaces can be made here; empty: they can."""
    if os.geteuid():
        return "network namespaces need root"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"not installed: {', '.join(absent)}" if absent else ""


@dataclass(frozen=True)
class Machine:
    """One namespace, with an address on the bridge, or one of each family."""

    name: str
    address: str
    address6: str = ""

    def argv(
        self, command: list[str], *, user: int = 0, capability: str = ""
    ) -> list[str]:
        """Return what runs ``command`` on this machine.

        As ``user``, who keeps one ``capability`` if it is given, as setpriv names it.
        """
        as_user = ["setpriv", f"--reuid={user}", "--clear-groups"] if user else []
        if capability:
            as_user += [f"--{kind}-caps=+{capability}" for kind in ("inh", "ambient")]
        return ["ip", "netns", "exec", self.name, *as_user, *command]

    def capture(self, *options: str) -> None:
        """Send traffic through a proxy from here on, by ``meltemi capture``."""
        words = ["capture", "apply", "--force", *options]
        _run(*self.argv([*python("meltemi.ctl"), *words]))

    def release(self) -> None:
        """Take the rules of `capture` away."""
        _run(*self.argv([*python("meltemi.ctl"), "capture", "clean"]))

    def call(self, function: Callable[[], R]) -> R:
        """Return what ``function`` returns when its sockets are made here."""
        with ThreadPoolExecutor(1, initializer=self._enter) as thread:
            return thread.submit(function).result()

    def _enter(self) -> None:
        with Path("/run/netns", self.name).open(encoding="ascii") as file:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {self.name}")


@dataclass
class Network:
    """A bridge in a namespace of its own, and the machines on it."""

    prefix: str
    machines: list[Machine]

    @property
    def hub(self) -> str:
        """The namespace the bridge is in."""
        return f"{self.prefix}-hub"

    def machine(self, address: str, address6: str = "") -> Machine:
        """Return a new machine at ``address``; everything unknown is on the bridge."""
        number = len(self.machines)
        made = Machine(f"{self.prefix}-{number}", address, address6)
        self.machines.append(made)
        link = f"v{number}"
        _run("ip", "netns", "add", made.name)
        for words in (
            f"-n {self.hub} link add {link} type veth peer name eth0 netns {made.name}",
            f"-n {self.hub} link set {link} master bridge up",
            f"-n {made.name} link set lo up",
            f"-n {made.name} addr add {address}/24 dev eth0",
            f"-n {made.name} link set eth0 up",
            f"-n {made.name} route add default dev eth0",
        ):
            _run("ip", *words.split())
        for words in (f"addr add {address6}/64 nodad", "route add default"):
            if address6:
                _run("ip", "-6", "-n", made.name, *words.split(), "dev", "eth0")
        return made


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Make a network that is gone, with its machines, when the context ends."""
    made = Network(f"mlt{os.getpid()}", [])
    _run("ip", "netns", "add", made.hub)
    try:
        _run("ip", "-n", made.hub, "link", "add", "bridge", "type", "bridge")
        _run("ip", "-n", made.hub, "link", "set", "bridge", "up")
        yield made
    finally:
        for name in (*(each.name for each in made.machines), made.hub):
            with contextlib.suppress(subprocess.CalledProcessError):
                _run("ip", "netns", "del", name)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=30)
