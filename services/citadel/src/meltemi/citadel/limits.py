"""How often anybody may ask: token buckets, as many as there are callers. No I/O."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from meltemi.kernel.errors import Blame, MeshError

MOST_BUCKETS = 100_000
"""Beyond, the bucket that was asked longest ago is forgotten: it is the fullest."""


RATE = re.compile(r"(?P<number>\d+(\.\d+)?)/(?P<unit>s|min)(:(?P<burst>\d+))?")
UNITS = {"s": 1, "min": 60}


class TooManyRequestsError(MeshError):
    """Somebody asks too often."""

    code = "citadel.too-many-requests"
    blame = Blame.CALLER

    def __init__(self, who: str, wait: float) -> None:
        super().__init__(f"{who} asks too often: try again in {wait:.1f} s")
        self.wait = wait
        """Seconds until another request has a chance."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What one caller may do.

    Attributes:
        per_second: Requests, in the long run.
        burst: Requests at once, after a pause.

    """

    per_second: float
    burst: float

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Return the rate that ``NUMBER/s`` or ``NUMBER/min`` spells.

        ``:BURST`` may follow; without it as many may come at once as in one unit.

        Raises:
            ValueError: If it is no rate.

        """
        found = RATE.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f"expected NUMBER/s or NUMBER/min and :BURST, not {text!r}"
            )
        number = float(found["number"])
        per_second = number / UNITS[found["unit"]]
        burst = float(found["burst"] or max(number, 1))
        if not per_second or burst < 1:
            raise ValueError(f"{text!r} would let nobody in: at least one at once")
        return cls(per_second, burst)


class Buckets:
    """One bucket for each name; it starts full."""

    def __init__(self, rate: Rate, *, most: int = MOST_BUCKETS) -> None:
        self._rate, self._most = rate, most
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now: float) -> None:
        """Count one request of ``name`` at ``now``, monotonic seconds.

        Raises:
            TooManyRequestsError: If the bucket is empty. It is not counted then.

        """
        level = self._checked(name, now)
        self._kept[name] = level - 1, now
        self._kept.move_to_end(name)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def check(self, name: str, now: float) -> None:
        """Raise `TooManyRequestsError` if `take` would; count nothing."""
        self._checked(name, now)

    def _checked(self, name: str, now: float) -> float:
        level, since = self._kept.get(name, (self._rate.burst, now))
        level = min(level + (now - since) * self._rate.per_second, self._rate.burst)
        if level < 1:
            raise TooManyRequestsError(name, (1 - level) / self._rate.per_second)
        return level


@dataclass(frozen=True, slots=True)
class Limits:
    """How often anything may be asked for."""

    identity: Buckets
    """By whom a certificate is for."""
    svids: Buckets
    """By whom a JWT-SVID is for."""
    address: Buckets
    """By where it is asked from."""
    failures: Buckets
    """By where nobody was recognised from."""
