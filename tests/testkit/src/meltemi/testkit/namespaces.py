"""Machines for tests: network namespaces on a bridge, which the test made itself.

A machine whose traffic is captured sends it through the proxy of user ``PROXY``, as
Istio's rules do: what leaves goes to port 15001, what arrives to 15006.

Machines are made by root, or in a user namespace by ``NOBODY``: there is one user in it,
so the proxy's traffic is not known by its user but by the mark ``PROXY``.
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

from meltemi.testkit.processes import anybodys_python, python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

R = TypeVar("R")

PROXY: Final = 1337
"""The user, or in a user namespace the mark, whose traffic is left alone."""
NOBODY: Final = 65534
PATH: Final = f"{os.defpath}:/usr/sbin:/sbin"
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
    holder: int = 0
    """The process whose user namespace it is in; 0: root made it."""

    def argv(
        self, command: list[str], *, user: int = 0, capability: str = ""
    ) -> list[str]:
        """Return what runs ``command`` on this machine.

        As ``user``, who keeps one ``capability`` if it is given, as setpriv names it.
        A user namespace has one user, who is ``NOBODY`` outside of it.
        """
        if self.holder:
            entered = _entering(self.holder)
            return [*entered, "ip", "netns", "exec", self.name, *command]
        as_user = ["setpriv", f"--reuid={user}", "--clear-groups"] if user else []
        if capability:
            as_user += [f"--{kind}-caps=+{capability}" for kind in ("inh", "ambient")]
        return ["ip", "netns", "exec", self.name, *as_user, *command]

    def capture(self, *options: str) -> None:
        """Send traffic through a proxy from here on, by ``meltemi capture``."""
        mark = ("--proxy-mark", str(PROXY)) if self.holder else ()
        words = ["capture", "apply", "--force", *mark, *options]
        _run(*self.argv([*self.python("meltemi.ctl"), *words]))

    def release(self) -> None:
        """Take the rules of `capture` away."""
        _run(*self.argv([*self.python("meltemi.ctl"), "capture", "clean"]))

    def python(self, module: str) -> list[str]:
        """Return the command that runs ``module``, for `argv`."""
        if self.holder:
            return [*anybodys_python(PATH), "-m", module]
        return python(module)

    def call(self, function: Callable[[], R]) -> R:
        """Return what ``function`` returns when its sockets are made here."""
        with ThreadPoolExecutor(1, initializer=self._enter) as thread:
            return thread.submit(function).result()

    def _enter(self) -> None:
        root = f"/proc/{self.holder}/root" if self.holder else "/"
        with Path(root, "run/netns", self.name).open(encoding="ascii") as file:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {self.name}")


@dataclass
class Network:
    """A bridge in a namespace of its own, and the machines on it."""

    prefix: str
    machines: list[Machine]
    holder: int = 0

    @property
    def hub(self) -> str:
        """The namespace the bridge is in."""
        return f"{self.prefix}-hub"

    def machine(self, address: str, address6: str = "") -> Machine:
        """Return a new machine at ``address``; everything unknown is on the bridge."""
        number = len(self.machines)
        made = Machine(f"{self.prefix}-{number}", address, address6, self.holder)
        self.machines.append(made)
        link = f"v{number}"
        self.ip("netns", "add", made.name)
        for words in (
            f"-n {self.hub} link add {link} type veth peer name eth0 netns {made.name}",
            f"-n {self.hub} link set {link} master bridge up",
            f"-n {made.name} link set lo up",
            f"-n {made.name} addr add {address}/24 dev eth0",
            f"-n {made.name} link set eth0 up",
            f"-n {made.name} route add default dev eth0",
        ):
            self.ip(*words.split())
        for words in (f"addr add {address6}/64 nodad", "route add default"):
            if address6:
                self.ip("-6", "-n", made.name, *words.split(), "dev", "eth0")
        return made

    def ip(self, *words: str) -> None:
        """Run ``ip`` (iproute2) where the machines are."""
        entered = _entering(self.holder) if self.holder else ()
        _run(*entered, "ip", *words)


@contextlib.contextmanager
def network(holder: int = 0) -> Iterator[Network]:
    """Make a network that is gone, with its machines, when the context ends.

    It is root's, or in the user namespace of the process ``holder``.
    """
    made = Network(f"mlt{os.getpid()}", [], holder)
    made.ip("netns", "add", made.hub)
    try:
        made.ip("-n", made.hub, "link", "add", "bridge", "type", "bridge")
        made.ip("-n", made.hub, "link", "set", "bridge", "up")
        yield made
    finally:
        for name in (*(each.name for each in made.machines), made.hub):
            with contextlib.suppress(subprocess.CalledProcessError):
                made.ip("netns", "del", name)


@contextlib.contextmanager
def user_namespace() -> Iterator[int]:
    """Have ``NOBODY`` make a user namespace; return the process that holds it.

    ``/run`` is empty and its own there: ``ip`` keeps the names of namespaces below it.
    """
    held = "mount -t tmpfs none /run && echo made && exec cat"
    nobody = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    argv = ["setpriv", *nobody, "unshare", "-Urnm", "sh", "-c", held]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, text=True, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n", "no user namespace"
        yield process.pid  # it ends by the end of its input


def _entering(holder: int) -> list[str]:
    return ["nsenter", f"--target={holder}", "--user", "--mount", "--net"]


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=30)
