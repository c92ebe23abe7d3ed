"""Which of the connections from outside are captured. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.proxy.capture.limits import AGENT_PORTS, ALL
from meltemi.proxy.capture.rules import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.proxy.capture.options import CaptureOptions


INBOUND = "MELTEMI_INBOUND"
"""The chain of what comes from outside, in whichever table captures it."""


def captured_inbound(options: CaptureOptions) -> Iterator[tuple[Match, bool]]:
    """Yield what comes from outside, in order, and whether it is captured."""
    if ALL not in options.inbound_ports:
        for wanted in options.inbound_ports:
            yield Match("tcp", ports=(int(wanted),)), True
        return
    spared = (*map(int, options.inbound_exclude), *AGENT_PORTS)
    for port in dict.fromkeys(spared):
        yield Match("tcp", ports=(port,)), False
    yield Match("tcp"), True
