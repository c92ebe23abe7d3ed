"""F-27: two thousand streams at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.pilot.settings import Carrier
from meltemi.testkit.crowd import Crowd
from meltemi.testkit.crowded import scene

if TYPE_CHECKING:
    from pathlib import Path

STREAMS, SERVICES = 2_000, 1_000
MEMORY_MIB = 1024


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("transport", Carrier)
def test_f_27_two_thousand_streams_at_once_are_served_within_a_gibibyte(
    tmp_path: Path, transport: Carrier
) -> None:
    with (
        scene(tmp_path, SERVICES, transport) as made,
        made.crowd(Crowd(STREAMS, SERVICES)) as load,
    ):
        assert made.streams() == STREAMS
        made.change(load)
        assert made.pilot.resident_mib < MEMORY_MIB
