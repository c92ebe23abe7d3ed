"""How long something may take, as Istio's validation sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.values import Duration

MILLISECOND: Final = 1_000_000


def check_duration(
    path: str, duration: Duration | None, *, zero: bool = False
) -> Iterator[Finding]:
    """Yield a finding unless it is absent or at least 1 ms, or 0 where ``zero`` is."""
    if duration is None or (zero and duration.nanoseconds == 0):
        return
    if duration.nanoseconds < MILLISECOND:
        yield problem(path, f"must be at least 1ms, got {duration}")
