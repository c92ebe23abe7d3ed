"""How long changes take to reach the proxies, and how far behind these are."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from meltemi.kernel.clock import Clock

REVISIONS_KEPT: Final = 256
"""Of so many recent revisions it is known since when they are known."""


@dataclass(slots=True)
class Convergence:
    """When each revision was written, in monotonic seconds of ``clock``.

    Of one that no event told of, such as a deletion or what was missed and read from
    the ledger, it is when this Pilot knew of it.
    """

    clock: Clock
    known: OrderedDict[int, float] = field(default_factory=OrderedDict[int, float])

    def knew(self, revision: int, written: datetime | None = None) -> None:
        """Note a ``revision``: it is there since it was ``written``, or since now.

        Clocks of two machines differ: what was written later than now was so just now.
        """
        ago = (self.clock.now() - written).total_seconds() if written else 0.0
        self.known.setdefault(revision, self.clock.monotonic() - max(ago, 0.0))
        while len(self.known) > REVISIONS_KEPT:
            self.known.popitem(last=False)

    def arrived(self, before: int, now: int) -> Iterator[float]:
        """Yield how long each revision took that a proxy holds ``now``, and did not.

        Args:
            before: The newest that it held; 0: it came only now, and nothing took long.
            now: The newest that it holds.

        """
        at = self.clock.monotonic()
        if before and before < now:
            yield from (
                at - since
                for revision, since in self.known.items()
                if before < revision <= now
            )

    def behind(self, acked: int) -> float:
        """Return since how many seconds a proxy at ``acked`` lacks something; 0: not.

        A proxy that has never held anything is only beginning.
        """
        if not acked:
            return 0.0
        missing = (since for revision, since in self.known.items() if revision > acked)
        oldest = next(missing, None)
        return 0.0 if oldest is None else self.clock.monotonic() - oldest
