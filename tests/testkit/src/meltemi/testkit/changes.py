"""Changes to a played mesh, timed until played proxies have acknowledged them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meltemi.testkit.crowd import Speaker


@dataclass(frozen=True)
class Push:
    """How a change came to the proxies that are told of it."""

    proxies: int
    sent_at: float
    """On the clock that source and generator share."""
    seconds: float
    """From then until the last of them acknowledged it."""
    most_seconds: float
    """Until 99 % of them had."""
    received: int
    """Bytes that all proxies got until nothing came any more, frames and all."""
    messages: int
    """Responses that they got meanwhile."""


@dataclass(frozen=True)
class Changes:
    """A mesh that is changed on command, and proxies that say when they know."""

    source: Speaker
    load: Speaker
    quiet: float
    """Seconds without an acknowledgement after which a change is over."""
    limit: float
    """Seconds after which it is given up."""
    apart: bool = False
    """Proxies get virtual hosts by themselves, not in their table."""

    def make(self, name: str, change: str, which: int = 0) -> Push:
        """Make a change, ``endpoint``, ``weight`` or ``add``; tell how it came."""
        self.arm(name, change, which)
        self.source.do(f"go {name}")
        return self.made(name)

    def arm(self, name: str, change: str, which: int = 0) -> None:
        """Prepare a change, and have the proxies look out for it.

        Raises:
            RuntimeError: If no proxy is in reach of it.

        """
        self.source.do(f"prepare {name} {change} {which}")
        told = self.source.says("prepared", name)
        types = str(told["types"])
        if self.apart:
            types = types.replace("RDS", "VHDS")
        words = f"{types} {told['marker']} {self.quiet} {self.limit}"
        self.load.do(f"mark {name} {words} {told['namespaces']}")
        watched(self.load.says("marked", name))

    def made(self, name: str) -> Push:
        """Wait until those proxies have a change that was made; tell how it came.

        Raises:
            TimeoutError: If some of them never get it.

        """
        sent, push = self.source.says("sent", name), self.load.says("push", name)
        if push["timed_out"]:
            raise TimeoutError(f"{push['missing']} proxies wait for {name}")
        since, at = push["since_mark_s"], float(sent["t"])
        return Push(
            proxies=int(since["n"]),
            sent_at=at,
            seconds=float(push["t_all"]) - at,
            most_seconds=float(push["t_mark"]) + float(since["p99"]) - at,
            received=int(push["wire_in"]),
            messages=sum(int(each["messages"]) for each in push["types"].values()),
        )


def watched(said: dict[str, Any]) -> None:
    """Raise if a generator that looks out for a change has no proxy to be told."""
    if not said["streams"]:
        raise RuntimeError(
            f"no proxy played is in a namespace that sees {said['id']}: play more of"
            " them, or change another service"
        )
