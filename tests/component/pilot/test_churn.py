"""F-34: changes and reconnects without end leave nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog

from meltemi.pilot.settings import Carrier
from meltemi.testkit.crowd import Crowd
from meltemi.testkit.crowded import scene
from meltemi.testkit.soak import growth, soak

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger()

SERVICES = PROXIES = 60
SECONDS = 12
LEAK_MIB = 6
"""In ten seconds of this, what classes had answered once took eleven."""


@pytest.mark.parametrize("transport", Carrier)
def test_f_34_what_comes_and_goes_leaves_nothing(
    tmp_path: Path, transport: Carrier
) -> None:
    kept(tmp_path, transport, SECONDS, LEAK_MIB)


@pytest.mark.full
@pytest.mark.timeout(4500)
def test_f_34_an_hour(tmp_path: Path) -> None:
    kept(tmp_path, Carrier.HTTP2, 3600, 2 * LEAK_MIB)


def kept(folder: Path, transport: Carrier, seconds: float, most: float) -> None:
    """Fail if a Pilot keeps more and more under changes and reconnects."""
    crowd = Crowd(PROXIES, SERVICES)
    with scene(folder, SERVICES, transport) as made, made.crowd(crowd) as load:
        samples = soak(made, load, SERVICES, seconds)
    files = [each.descriptors for each in samples]
    grown = samples[-1].resident_mib - samples[0].resident_mib
    log.info(
        "soak", samples=len(samples), grown=grown, an_hour=growth(samples), files=files
    )
    assert max(files) - min(files) <= 3
    assert grown < most
