"""Linux's namespaces (namespaces(7)), as far as pods need them."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.adapters.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x4_0000

_libc = ctypes.CDLL(None, use_errno=True)


class NamespaceRefusedError(MeshError):
    """The kernel gives no namespace, or nothing may be changed in it."""

    code = "local.namespace-refused"
    blame = Blame.CALLER


def find_system_programs() -> None:
    """Have programs found that distributions put where only root looks."""
    path = os.environ.get("PATH", os.defpath)  # noqa: TID251 - what programs are
    os.environ["PATH"] = f"{path}:/usr/sbin:/sbin"  # noqa: TID251 - found by


def unshare(flags: int) -> None:
    """Put this process into new namespaces.

    Raises:
        NamespaceRefusedError: If the kernel refuses: some distributions allow user
            namespaces to programs of a list alone.

    """
    _checked(_libc.unshare(flags), "unshare")


def enter(fd: int, kind: int) -> None:
    """Put this process into the namespace that ``fd`` is open on."""
    _checked(_libc.setns(fd, kind), "setns")


def become_root() -> None:
    """Make a user namespace in which this user is root, and nobody else exists."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {uid} 1"),
        ("gid_map", f"0 {gid} 1"),
    ):
        try:
            Path("/proc/self", name).write_text(text, encoding="ascii")
        except OSError as error:
            raise NamespaceRefusedError(f"{name}: {error.strerror}") from None


def new_network() -> int:
    """Enter a new network namespace; return an open file that keeps it."""
    unshare(CLONE_NEWNET)
    return os.open("/proc/self/ns/net", os.O_RDONLY)


@contextlib.contextmanager
def within(net: int, home: int) -> Iterator[None]:
    """Be in the network namespace ``net``, and in ``home`` again afterwards.

    Sockets that are made meanwhile belong there for ever.
    """
    enter(net, CLONE_NEWNET)
    try:
        yield
    finally:
        enter(home, CLONE_NEWNET)


def private_mounts() -> None:
    """Have mounts of our own, of which the machine sees nothing."""
    unshare(CLONE_NEWNS)
    _mount(b"none", b"/", MS_REC | MS_PRIVATE)


def bind_file(source: Path, target: Path) -> None:
    """Show ``source`` where ``target`` is."""
    _mount(bytes(source), bytes(target), MS_BIND)


def ip(words: str) -> None:
    """Run ``ip`` (iproute2) with ``words`` in the namespace we are in.

    Raises:
        CaptureFailedError: If it is not there, or refuses.

    """
    run_program(["ip", *words.split()])


def _mount(source: bytes, target: bytes, flags: int) -> None:
    code = _libc.mount(source, target, None, flags, None)
    _checked(code, f"mount on {target.decode(errors='replace')}")


def _checked(code: int, what: str) -> None:
    if code:
        number = ctypes.get_errno()
        raise NamespaceRefusedError(f"{what}: {os.strerror(number)}")
