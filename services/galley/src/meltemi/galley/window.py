"""How far back numbers are asked for."""

from __future__ import annotations

from typing import Final

from meltemi.config.values import Duration, InvalidDurationError
from meltemi.galley.refusals import InvalidQueryError
from meltemi.stats.report import PERIOD_SECONDS, SLOTS

USUAL_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = PERIOD_SECONDS * SLOTS


def window_of(text: str) -> float:
    """Return the seconds that ``text`` spells; a minute where it is empty.

    Raises:
        InvalidQueryError: If it is no duration from 5 seconds to 15 minutes.

    """
    if not text:
        return USUAL_SECONDS
    try:
        seconds = Duration.parse(text).nanoseconds / 1e9
    except InvalidDurationError as error:
        raise InvalidQueryError(f"window: {error}") from None
    if seconds < PERIOD_SECONDS:
        raise InvalidQueryError(
            f"window is from 5s to 15m, and {text} is too short: agents tell what "
            "passed every 5 s"
        )
    if seconds > LONGEST_SECONDS:
        raise InvalidQueryError(
            f"window is from 5s to 15m, not {text}: no longer is remembered. Give "
            "meltemi a PROMETHEUS_URL for what is longer ago"
        )
    return seconds
