from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from meltemi.testkit.conformance.case import Status
from meltemi.testkit.conformance.suites import SUITES, run

SHARED = os.environ.get("MELTEMI_SHARED")  # noqa: TID251 - tests have no __main__
pytestmark = pytest.mark.skipif(
    SHARED is None, reason="MELTEMI_SHARED does not name the conformance data"
)
FLOORS = tomllib.loads(Path(__file__).with_name("floors.toml").read_text("utf-8"))


@pytest.mark.parametrize("suite", list(SUITES))
def test_istios_own_cases_agree_as_far_as_promised(suite: str) -> None:
    (results,) = run(Path(SHARED or "", "conformance"), suite=suite).values()
    failed = [each for each in results if each.status is Status.FAILED]
    passed = [each for each in results if each.status is Status.PASSED]
    assert passed
    share = len(passed) / (len(passed) + len(failed))
    assert share >= FLOORS[suite], "\n".join(f"{f.case}: {f.reason}" for f in failed)


def test_every_suite_has_a_floor() -> None:
    assert FLOORS.keys() == SUITES.keys()
