from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.kernel.names import Revision
from meltemi.pilot.model.service import UNSPECIFIED
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.snapshot import snapshot
from meltemi.pilot.translate.resources import resources
from meltemi.testkit.bootstrap import refused_by_envoy
from meltemi.testkit.conformance.case import SkippedError
from meltemi.testkit.conformance.generated import cases
from meltemi.testkit.conformance.world import with_targets, world

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = os.environ.get("MELTEMI_SHARED")  # noqa: TID251 - tests have no __main__
pytestmark = pytest.mark.skipif(
    SHARED is None, reason="MELTEMI_SHARED does not name the conformance data"
)
DATA = Path(SHARED or "", "conformance")
SAMPLE = 20


def addressed(case: dict[str, Any]) -> dict[str, Any]:
    """Return ``case`` with "no address" said of services of which nothing is said.

    Tests of clusters alone leave it out, which no registry does. Of that Istio makes
    a listener at the address "", and so do we; Envoy takes none of them.
    """
    for each in case["input"].get("services") or []:
        each["address"] = each.get("address") or UNSPECIFIED
    return case


def known() -> Iterator[dict[str, Any]]:
    """Yield the cases, those that can be run and those that can't."""
    for suite in ("traffic_simulation", "configgen"):
        yield from map(addressed, cases(DATA / suite))


def refusals(every: int, folder: Path) -> tuple[int, dict[str, str]]:
    """Return how many cases were looked at, and what Envoy has against which."""
    looked_at, found = 0, {}
    for number, case in enumerate(known()):
        if number % every:
            continue
        try:
            index, group = world(case, DATA)
        except SkippedError:
            continue
        seen = with_targets(scope(index, group), case["input"])
        made = snapshot(resources(seen), revision=Revision(2))
        looked_at += 1
        refusal = refused_by_envoy(made, folder, deprecated=False)
        if refusal:
            found[case["slug"]] = refusal
    return looked_at, found


def test_envoy_takes_what_is_made_of_some_of_istios_cases(tmp_path: Path) -> None:
    looked_at, found = refusals(SAMPLE, tmp_path)
    assert looked_at > 10
    assert not found


@pytest.mark.full
def test_envoy_takes_what_is_made_of_every_one_of_istios_cases(tmp_path: Path) -> None:
    looked_at, found = refusals(1, tmp_path)
    assert looked_at > 300
    assert not found
