"""Hypothesis strategies over the typed model: meshes that the door takes.

Growing one object costs milliseconds and drawing thousands of choices from hypothesis
more, so most meshes are drawn from pools that were grown before: which pool, which of
its objects, for which class. Hypothesis makes the set of objects small when it fails.
"""

from __future__ import annotations

from functools import cache
from random import Random
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from meltemi.testkit.mesh_grower import KINDS, grow_kinds, grow_mesh

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

    Objects = tuple[Resource[Message], ...]

POOL, SMALLEST, LARGEST = 120, 2, 10


@st.composite
def drawn_meshes(draw: st.DrawFn, pools: int) -> Objects:
    """Return objects of one of ``pools`` pools, at most one of each name."""
    pool = _pool(draw(st.integers(0, pools - 1)))
    return tuple(
        draw(
            st.lists(
                st.sampled_from(pool),
                min_size=SMALLEST,
                max_size=LARGEST,
                unique_by=_name(),
            )
        )
    )


@st.composite
def grown_meshes(draw: st.DrawFn) -> Objects:
    """Return a few objects, each choice within them drawn by hypothesis."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    return grow_kinds(draw(st.randoms()), kinds)


@cache
def _pool(number: int) -> Objects:
    return grow_mesh(Random(number), POOL)  # noqa: S311 - a pool that comes again


def _name() -> Callable[[Resource[Message]], tuple[str, str, str]]:
    return lambda each: (each.kind, each.metadata.namespace, each.metadata.name)
