from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from meltemi.proxy.adapters.certificate_times import tell_times
from meltemi.testkit.authority import NOON, credential

if TYPE_CHECKING:
    from meltemi.identity.credential import Credential

START = "meltemi_agent_certificate_start_timestamp_seconds"
END = "meltemi_agent_certificate_expiry_timestamp_seconds"


def test_the_times_are_those_of_the_certificate_that_is_held_now() -> None:
    held: list[Credential] = []
    registry = CollectorRegistry()
    tell_times(lambda: held[-1] if held else None, registry)

    def told() -> list[float | None]:
        return [registry.get_sample_value(name) for name in (START, END)]

    assert told() == [0.0, 0.0]
    for now in (NOON, NOON + timedelta(hours=1)):
        shown = credential(now=now, lifetime=timedelta(hours=2))
        held.append(shown)
        start, end = shown.leaf.not_valid_before_utc, shown.leaf.not_valid_after_utc
        assert start < end
        assert told() == [start.timestamp(), end.timestamp()]
