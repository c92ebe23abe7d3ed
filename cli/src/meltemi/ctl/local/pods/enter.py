"""``python -m meltemi.ctl.local.pods.enter NETS POD [--names] -- CMD``.

Runs CMD in a pod, in place of itself: the process keeps its number. With ``--names``
CMD asks the pod for DNS, as an application does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from meltemi.ctl.local.pods.namespaces import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUSER,
    enter,
)
from meltemi.ctl.local.pods.network import Nets

NAMES = "--names"


def enter_pod(nets: Path, pod: str, *, names: bool) -> None:
    """Put this process, which has one thread, into ``pod``."""
    found = msgspec.json.decode(nets.read_bytes(), type=Nets)
    own, theirs = Path("/proc/self/ns"), Path(f"/proc/{found.pid}")
    kinds = {"user": CLONE_NEWUSER} if _differ(own / "user", theirs / "ns/user") else {}
    kinds |= {"mnt": CLONE_NEWNS} if names else {}
    opened = [
        (os.open(theirs / "ns" / name, os.O_RDONLY), kind)
        for name, kind in kinds.items()
    ]
    opened.append(
        (os.open(theirs / f"fd/{found.pods[pod]}", os.O_RDONLY), CLONE_NEWNET)
    )
    here = Path.cwd()
    for fd, kind in opened:
        enter(fd, kind)
        os.close(fd)
    os.chdir(here)  # entering a mount namespace goes to its root


def _differ(one: Path, other: Path) -> bool:
    return one.readlink() != other.readlink()


def main(words: list[str]) -> NoReturn:
    """Run what ``words`` say."""
    nets, pod, *options = words[: words.index("--")]
    argv = words[words.index("--") + 1 :]
    enter_pod(Path(nets), pod, names=NAMES in options)
    os.execvp(argv[0], argv)  # noqa: S606 - a command of our own plan


if __name__ == "__main__":
    main(sys.argv[1:])
