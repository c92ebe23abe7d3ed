"""Whether an application counts as well, by what it was found to be. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.proxy.health.probe import Pace

EAGER_SECONDS = 1
"""How often is asked what was never well: it may just be starting."""


@dataclass
class Judgement:
    """What is held of one application: not well until it was found to be.

    Source:
        Istio's pkg/istio-agent/health/health_check.go: as many findings in a row as
        the thresholds say turn it, and it begins as not well.

    """

    pace: Pace
    well: bool = False
    begun: bool = False
    """Whether it was ever well."""
    _row: int = 0
    _last: bool = False

    def heard(self, *, well: bool) -> bool:
        """Take a finding; tell whether that changed what is held."""
        self._row = self._row + 1 if well is self._last else 1
        self._last = well
        needed = self.pace.successes if well else self.pace.failures
        if self._row < needed or well is self.well:
            return False
        self.well, self.begun = well, True
        return True

    @property
    def pause(self) -> int:
        """How many seconds to wait before it is asked again."""
        period = self.pace.period
        return period if self.begun else min(EAGER_SECONDS, period)
