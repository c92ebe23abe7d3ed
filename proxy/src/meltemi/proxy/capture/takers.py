"""Who has to be there to take what is captured: else it fails, all of it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.proxy.capture.options import CaptureOptions


@dataclass(frozen=True, slots=True)
class Taker:
    """A port of this machine that captured traffic goes to.

    Attributes:
        protocol: ``tcp`` or ``udp``.
        port: Where.
        what: The traffic.

    """

    protocol: str
    port: int
    what: str

    def __str__(self) -> str:
        return f"{self.protocol} {self.port} ({self.what})"


def takers(options: CaptureOptions) -> Iterator[Taker]:
    """Yield the ports that somebody has to wait at for what ``options`` capture."""
    if options.outbound_ranges or options.outbound_ports:
        yield Taker("tcp", options.outbound_port, "what applications open")
    if options.inbound_ports:
        yield Taker("tcp", options.inbound_port, "what comes for them")
    if options.dns:
        yield Taker("udp", options.dns_port, "DNS")
        yield Taker("tcp", options.dns_port, "DNS over TCP")
