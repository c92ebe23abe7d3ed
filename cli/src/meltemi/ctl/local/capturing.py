"""Which way traffic gets into the demo's proxies: the best that the machine allows."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from meltemi.ctl.local.processes import is_alive
from meltemi.ctl.local.record import Captured, Mode
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.ctl.local.record import Record

ASKED = "you asked for it"
NOTHING = "there is no application whose traffic could be captured: see --demo"
ROOTLESS = "any user may make namespaces here, so applications need not know of proxies"
EXPLICIT = "each application finds its peers at ports of its own proxy"


class Capture(StrEnum):
    """How an application's traffic is to get into its proxy."""

    AUTO = "auto"
    EXPLICIT = "explicit"
    ROOTLESS = "rootless"
    ROOT = "root"


class CaptureRefusedError(MeshError):
    """The machine does not allow the capture that was asked for."""

    code = "local.capture-refused"
    blame = Blame.CALLER


class OtherCaptureError(MeshError):
    """The mesh runs, and its traffic is captured in another way."""

    code = "local.other-capture"
    blame = Blame.CALLER


FORCED = MappingProxyType({Capture.ROOTLESS: Mode.ROOTLESS, Capture.ROOT: Mode.ROOT})


def choose_capture(
    asked: Capture,
    record: Record | None,
    trouble: Callable[[Mode], str],
    *,
    demo: bool,
) -> Captured:
    """Return how traffic is to be captured, and why so.

    Args:
        asked: By the user.
        record: The mesh that is there, if one is: what runs is not moved.
        trouble: Why there can be no pods in a mode here; empty: there can.
        demo: Whether there are applications.

    Raises:
        CaptureRefusedError: If the machine does not allow what was asked for.
        OtherCaptureError: If the demo runs in another way already.

    """
    if record is not None and record.demo and _runs(record):
        return _kept(asked, record.capture)
    if asked is Capture.EXPLICIT:
        return Captured(Mode.EXPLICIT, ASKED)
    mode = FORCED.get(asked)
    if mode is not None:
        if why := trouble(mode):
            raise CaptureRefusedError(
                f"--capture={asked}: {why}; without it, or with --capture=explicit, "
                "the mesh needs none of that"
            )
        return Captured(mode, ASKED)
    if not demo:
        return Captured(Mode.EXPLICIT, NOTHING)
    if why := trouble(Mode.ROOTLESS):
        return Captured(Mode.EXPLICIT, f"{EXPLICIT}; not rootless: {why}")
    return Captured(Mode.ROOTLESS, ROOTLESS)


def _kept(asked: Capture, found: Captured) -> Captured:
    if asked is not Capture.AUTO and asked.value != found.mode.value:
        raise OtherCaptureError(
            f"the mesh runs with --capture={found.mode}: run meltemi down before "
            f"meltemi up --capture={asked}"
        )
    return found


def _runs(record: Record) -> bool:
    return any(map(is_alive, record.parts.values()))
