from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.ctl.traffic import top
from meltemi.galley.traffic import traffic
from meltemi.stats.report import Counted
from meltemi.testkit.edges import counts, edge

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.galley.traffic import Traffic

PASSED = (
    Counted(edge("web", "slow"), counts(900)),
    Counted(edge("web", "busy"), counts(3, 3, 3)),
    Counted(edge("app", "broken"), counts(3, 3, failed=2)),
)


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []

    def read(_: Path, window: str) -> Traffic:
        assert window == "15s"
        return traffic(PASSED, 15.0)

    monkeypatch.setattr(top, "read_traffic", read)
    monkeypatch.setattr("meltemi.ctl.traffic.top.time.sleep", waited.append)
    return waited


def first(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert execute(("top", "--count", "1", *words)) == 0
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    return [line.split()[1] for line in lines[1:]]


def test_the_busiest_come_first_or_the_failing_or_the_slow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert first(capsys) == ["busy", "broken", "slow"]
    assert first(capsys, "--sort", "failed")[0] == "broken"
    assert first(capsys, "--sort", "p95")[0] == "slow"
    assert first(capsys, "--lines", "1") == ["busy"]
    assert first(capsys, "app") == ["broken"]


def test_it_looks_again_after_each_interval(
    capsys: pytest.CaptureFixture[str], looks: list[float]
) -> None:
    words = ("top", "--count", "3", "--interval", "2", "-o", "json")
    assert execute(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert json.loads(lines[2])[0]["destination"]["workload"] == "busy"
    assert looks == [2.0, 2.0]
