"""Whatever the door takes is translated, and Envoy takes what comes out.

``make test-full`` translates 50,000 meshes and shows one in 500 of them to Envoy.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meltemi.testkit.bootstrap import refused_by_envoy
from meltemi.testkit.mesh_strategy import drawn_meshes, grown_meshes
from meltemi.testkit.translation import CLASSES, holding, translated

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

    from meltemi.testkit.mesh_strategy import Objects

FEW, POOLS, SHOWN = 60, 1, 10
MANY, POOLS_OF_MANY, SHOWN_OF_MANY = 50_000, 60, 500
GROWN, SHOWN_OF_GROWN = 500, 50


def translate_all(
    meshes: SearchStrategy[Objects], examples: int, every: int, folder: Path
) -> None:
    """Translate ``examples`` meshes, and show at least one in ``every`` to Envoy.

    Hypothesis chooses which, so that it comes to the same when it repeats itself.
    """
    tried = count()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(meshes, st.sampled_from(sorted(CLASSES)), st.integers(0, every - 1))
    def translates(objects: Objects, group: str, turn: int) -> None:
        next(tried)
        made = translated(holding(objects), CLASSES[group])
        assert any(made.resources.values()), "every proxy gets something"
        if turn == 0:
            refusal = refused_by_envoy(made, folder, deprecated=False)
            assert not refusal, refusal

    translates()
    assert next(tried) >= examples * 9 // 10, "hypothesis found too few"


def test_meshes_that_the_door_takes_are_translated(tmp_path: Path) -> None:
    translate_all(drawn_meshes(POOLS), FEW, SHOWN, tmp_path)


@pytest.mark.full
@pytest.mark.timeout(5400)
def test_thousands_of_meshes_are_translated(tmp_path: Path) -> None:
    translate_all(drawn_meshes(POOLS_OF_MANY), MANY, SHOWN_OF_MANY, tmp_path)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_meshes_chosen_in_every_detail_are_translated(tmp_path: Path) -> None:
    translate_all(grown_meshes(), GROWN, SHOWN_OF_GROWN, tmp_path)
