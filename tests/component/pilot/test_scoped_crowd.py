"""Where Sidecars scope what proxies reach, a change goes to those that reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.corpus.mesh import Corpus
from meltemi.testkit.corpus.profile import Profile, Shape
from meltemi.testkit.crowd import Crowd
from meltemi.testkit.crowded import scene

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 60
MOVED = (1, 32, 54)
"""Services whose last endpoint is none of the proxies played."""


@pytest.mark.parametrize("profile", [Profile.HTTP, Profile.SIDECAR])
def test_an_endpoint_is_told_once_to_each_proxy_in_reach_and_to_no_other(
    tmp_path: Path, profile: Profile
) -> None:
    corpus = Corpus.of(Shape(SIZE, SIZE // 10, profile=profile))
    with (
        scene(tmp_path, SIZE, profile=profile) as made,
        made.crowd(Crowd(SIZE, SIZE)) as load,
    ):
        made.change(load)
        for service in MOVED:
            seen = corpus.seen_from(service % 50).split("+")
            homes = [str(each % 50) for each in range(SIZE)]
            reached = sum(seen == ["*"] or home in seen for home in homes)
            push = made.push(load, service)
            assert push.proxies == reached
            assert push.messages == reached, "nobody else is told, and nobody twice"
