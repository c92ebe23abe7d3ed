"""Whether this machine gives us pods: by making one, and forgetting it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import NoReturn

from meltemi.ctl.local.pods.namespaces import (
    become_root,
    find_system_programs,
    ip,
    new_network,
)
from meltemi.ctl.local.pods.namespaces import private_mounts as mounts
from meltemi.ctl.local.pods.network import HUB, MARK, MASK, OUT_PORT
from meltemi.ctl.local.pods.redirect import home_rule, out_rule, set_rule
from meltemi.ctl.local.record import Mode
from meltemi.kernel.errors import MeshError
from meltemi.proxy.adapters.netfilter import Netfilter
from meltemi.proxy.capture.options import CaptureOptions

LINUX = "linux"
MOST_WORDS = 4096


def trouble(mode: Mode) -> str:
    """Return why pods can't be made here; empty: they can.

    Args:
        mode: Rootless, in a user namespace; or with this process's own rights.

    """
    if sys.platform != LINUX:
        return f"network namespaces are Linux's, and this is {sys.platform}"
    if mode is Mode.ROOT and os.geteuid():
        return "you are not root"
    find_system_programs()
    if shutil.which("ip") is None:
        return "ip is not installed: install iproute2"
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _try(writing, mode)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        words = told.read(MOST_WORDS)
    _, status = os.waitpid(child, 0)
    return words or ("" if status == 0 else f"the trial ended with {status}")


def _try(writing: int, mode: Mode) -> NoReturn:
    """Do what pods need, in a process that ends with it."""
    code = 1
    try:
        if mode is Mode.ROOTLESS:
            become_root()
        mounts()
        new_network()
        ip("link set lo up")
        ip("link add hub type bridge")
        ip("link add v0 type veth peer name eth0")
        ip(f"addr add {HUB}/{MASK} dev hub")
        set_rule(out_rule(f"{HUB}/{MASK}", OUT_PORT))
        new_network()
        ip("link set lo up")
        Netfilter().apply(CaptureOptions(uids=(), gids=(), mark=MARK, dns=True))
        set_rule(home_rule(MARK, OUT_PORT))
        code = 0
    except MeshError as error:
        os.write(writing, f"{error}".encode()[:MOST_WORDS])
    finally:
        os._exit(code)
