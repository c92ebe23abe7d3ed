"""How long something may take, as Istio's validation sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.values import Duration

MILLISECOND: Final = 1_000_000


def check_duration(path: str, duration: Duration | None) -> Iterator[Finding]:
    """Yield a finding unless it is absent, or at least 1 ms and whole milliseconds.

    Source:
        pkg/config/validation/agent/validation.go ValidateDuration.

    """
    if duration is None:
        return
    if duration.nanoseconds < MILLISECOND:
        yield problem(path, f"must be at least 1ms, got {duration}")
    elif duration.nanoseconds % MILLISECOND:
        yield problem(path, f"must be whole milliseconds, got {duration}")
