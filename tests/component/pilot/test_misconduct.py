"""F-28, T11: proxies that are slow, stuck, flapping, refusing or no proxies at all.

The others get every change, and what Pilot keeps for the bad ones stays small.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest
import structlog

from meltemi.pilot.adapters.allowance import STREAMS
from meltemi.pilot.settings import Carrier
from meltemi.testkit.crowd import MISBEHAVING, Crowd
from meltemi.testkit.crowded import scene
from meltemi.testkit.up import eventually

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger()

ALL = "+".join(MISBEHAVING)
OFTEN = ("--retry-base", "0.2", "--retry-max", "0.5")
CHANGES = 8
MEMORY_MIB = 96
"""For twenty bad ones: a socket's buffers, a session and a message each, and slack."""


@pytest.mark.parametrize("transport", Carrier)
def test_f_28_the_good_get_every_change_among_as_many_bad(
    tmp_path: Path, transport: Carrier
) -> None:
    with scene(tmp_path, 20, transport) as made, made.crowd(Crowd(20, 20)) as good:
        made.change(good)
        before, files = made.pilot.resident_mib, made.descriptors()
        bad = Crowd(20, 20, first=20, conduct=ALL, more=OFTEN)
        with made.crowd(bad) as ill:
            streams, memory = [], []
            for number in range(CHANGES):
                made.change(good, number)
                streams.append(made.streams())
                memory.append(made.pilot.resident_mib)
            counted = ill.state()
        assert sum(each["nacks"] for each in counted["types"].values()), "some refused"
        assert counted["grpc_status"], "some were no proxies, and told so"
        assert max(streams) <= 20 + 20 * STREAMS, "each has its places only"
        assert max(memory) - before < MEMORY_MIB
        eventually(
            lambda: made.streams() == 20 and made.descriptors() <= files + 2,
            seconds=60,
            what="nothing is kept of those that are gone",
        )
        made.change(good)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("transport", Carrier)
def test_f_28_two_hundred_among_two_hundred(tmp_path: Path, transport: Carrier) -> None:
    with scene(tmp_path, 200, transport) as made, made.crowd(Crowd(200, 200)) as good:
        made.change(good)
        before = made.pilot.resident_mib
        bad = Crowd(200, 200, first=200, conduct=ALL, more=OFTEN)
        with made.crowd(bad):
            memory = []
            for number in range(100):
                made.change(good, number)
                memory.append(made.pilot.resident_mib)
        log.info("misconduct", before=before, middle=median(memory), most=max(memory))
        assert max(memory) - before < 200, "1 MiB each (R-10)"
        eventually(
            lambda: made.streams() == 200, seconds=60, what="the bad ones are gone"
        )
