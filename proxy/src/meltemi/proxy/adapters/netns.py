"""Doing something in another network namespace."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

R = TypeVar("R")

NETWORK: Final = 0x40000000
"""What setns(2) is to enter: CLONE_NEWNET (linux/sched.h)."""


class NamespaceError(MeshError):
    """A network namespace cannot be entered."""

    code = "agent.netns"
    blame = Blame.CALLER


def within(netns: Path | None, act: Callable[[], R]) -> R:
    """Return what ``act`` does in the namespace ``netns``; None: in our own.

    A thread enters it and ends there: nothing else of this process moves. Sockets that
    it made stay in it.

    Raises:
        NamespaceError: If there is none, or it takes a capability that we lack.

    """
    if netns is None:
        return act()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_entered, netns, act).result()


def _entered(netns: Path, act: Callable[[], R]) -> R:
    try:
        with netns.open("rb") as file:
            failed = ctypes.CDLL(None, use_errno=True).setns(file.fileno(), NETWORK)
    except OSError as error:
        raise _closed(netns, error.strerror) from error
    if failed:
        raise _closed(netns, os.strerror(ctypes.get_errno()))
    return act()


def _closed(netns: Path, why: str | None) -> NamespaceError:
    return NamespaceError(f"{netns}: cannot enter it as a network namespace: {why}")
