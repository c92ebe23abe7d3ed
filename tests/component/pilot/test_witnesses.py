"""Real Envoys hold what Pilot would give them now, however it travelled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.corpus.profile import Profile
from meltemi.testkit.crowd import Crowd
from meltemi.testkit.crowded import scene
from meltemi.testkit.waiting import eventually
from meltemi.testkit.witness import Form, witnesses

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = 20


PLAYED = [
    *((Profile.HTTP, form) for form in Form),
    (Profile.TCP, Form.DELTA),
    (Profile.TCP, Form.SOTW),
    (Profile.MIXED, Form.DELTA),
    (Profile.SIDECAR, Form.VHDS),
]


@pytest.mark.parametrize(("profile", "form"), PLAYED)
async def test_an_envoy_holds_after_changes_what_pilot_has(
    tmp_path: Path, profile: Profile, form: Form
) -> None:
    with (
        scene(tmp_path, SERVICES, profile=profile) as mesh,
        mesh.crowd(Crowd(1, SERVICES)) as load,
        witnesses(tmp_path, mesh.pilot.ads, 2, form) as (one, other),
    ):

        async def live() -> bool:
            return one.live and other.live

        async def same() -> bool:
            return not one.differences() + other.differences()

        await eventually(live, seconds=60)
        for change in ("endpoint", "weight", "add"):
            mesh.change(load, 0, change)
        await eventually(same, seconds=60)
        assert one.rejected() + other.rejected() == 0
        told = "\n".join(replace(one, node=other.node).differences())
        assert "virtualInbound" in told, "another workload's proxy is to hold another"
