"""The right to rule the network, which is the agent's and not the application's.

Source: capabilities(7): an ambient capability passes to programs that are started, and
may be given up and taken again by who is permitted it and lets it be inherited.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CAP_NET_ADMIN: Final = 12
"""linux/capability.h."""
PR_CAP_AMBIENT: Final = 47
IS_SET, RAISE, LOWER = 1, 2, 3
"""prctl(2)."""


@contextlib.contextmanager
def network_kept_back() -> Iterator[None]:
    """Let what is started in the context have no right over the network.

    For the thread that calls, and as far as the right is an ambient one: root's
    programs have it anyhow.
    """
    if sys.platform != "linux" or _ambient(IS_SET) != 1:
        yield
        return
    _ambient(LOWER)
    try:
        yield
    finally:
        _ambient(RAISE)


def _ambient(what: int) -> int:
    found: int = ctypes.CDLL(None).prctl(PR_CAP_AMBIENT, what, CAP_NET_ADMIN, 0, 0)
    return found
