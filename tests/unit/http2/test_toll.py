"""What a client may send that carries nothing is counted over time."""

from __future__ import annotations

import pytest

from meltemi.http2.frame import ConnectionEndedError, Flag, Frame, Kind
from meltemi.http2.toll import AT_ONCE, PER_SECOND, Toll

PING = Frame(Kind.PING, Flag.NONE, 0, bytes(8))
HOUR_SECONDS = 3600.0


def pings(toll: Toll, count: float, now: float) -> None:
    for _ in range(int(count)):
        toll.pay(PING, now)


def test_who_spent_everything_may_send_a_second_later_what_one_second_gives() -> None:
    toll = Toll()
    pings(toll, AT_ONCE, now=0.0)
    pings(toll, PER_SECOND, now=1.0)
    with pytest.raises(ConnectionEndedError, match="carry nothing"):
        toll.pay(PING, 1.0)


def test_who_was_silent_for_long_may_not_send_more_at_once() -> None:
    toll = Toll()
    toll.pay(PING, 0.0)
    pings(toll, AT_ONCE, now=HOUR_SECONDS)
    with pytest.raises(ConnectionEndedError, match="carry nothing"):
        toll.pay(PING, HOUR_SECONDS)
