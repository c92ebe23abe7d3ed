"""Whatever the door takes is translated, and Envoy takes what comes out.

``make test-full`` translates 50,000 meshes and shows one in 500 of them to Envoy.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.bootstrap import refused_by_envoy
from meltemi.testkit.mesh_grower import grow_mesh
from meltemi.testkit.translation import CLASSES, holding, translated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.pilot.snapshot import Snapshot

FEW, SHOWN = 60, 10
MANY, SHOWN_OF_MANY = 50_000, 500
POOL, SMALLEST, LARGEST = 250, 3, 10


def grown(seed: str, count: int) -> Iterator[Snapshot]:
    """Yield what came of ``count`` meshes, for each class in turn.

    Objects are grown once and meet in many meshes.
    """
    rng = Random(seed)  # noqa: S311 - a test that repeats itself
    pool: tuple[Resource[Message], ...] = grow_mesh(rng, POOL)
    classes = list(CLASSES.values())
    for number in range(count):
        size = rng.randrange(SMALLEST, LARGEST)
        mesh = holding(rng.sample(pool, min(size, len(pool))))
        yield translated(mesh, classes[number % len(classes)])


def translate_all(seed: str, count: int, every: int, folder: Path) -> int:
    """Translate, and show one in ``every`` to Envoy; return how much there was."""
    resources = 0
    for number, made in enumerate(grown(seed, count)):
        resources += sum(len(named) for named in made.resources.values())
        if number % every == 0:
            refusal = refused_by_envoy(made, folder, deprecated=False)
            assert not refusal, f"{seed} {number}: {refusal}"
    return resources


def test_meshes_that_the_door_takes_are_translated(tmp_path: Path) -> None:
    assert translate_all("few", FEW, SHOWN, tmp_path) > FEW


@pytest.mark.full
@pytest.mark.timeout(5400)
def test_thousands_of_meshes_are_translated(tmp_path: Path) -> None:
    assert translate_all("many", MANY, SHOWN_OF_MANY, tmp_path) > MANY
