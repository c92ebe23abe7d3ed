from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.ctl.traffic import commands
from meltemi.galley.traffic import traffic
from meltemi.stats.edge import End
from meltemi.stats.report import Counted
from meltemi.testkit.edges import counts, edge

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.galley.traffic import Traffic

PASSED = (
    Counted(edge(), counts(3, 3, 3, 700, failed=1)),
    Counted(edge(reporter="destination"), counts(3, 3, 3, 700, failed=1)),
    Counted(edge("web", End("old", "legacy"), protocol="tcp"), counts(opened=2)),
)


@pytest.fixture(autouse=True)
def _mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Path, window: str) -> Traffic:
        assert window in ("1m", "5m")
        return traffic(PASSED, 60.0 if window == "1m" else 300.0)

    monkeypatch.setattr(commands, "read_traffic", read)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[list[str]]:
    assert execute(words) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_stat_shows_what_each_workload_was_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = ["api", "default", "yes", "75.00%", "0.1", "4ms", "900ms", "980ms"]
    old = ["old", "legacy", "no", "-", "0.0", "-", "-", "-", "2", "-"]
    _, *rows = said(capsys, "stat")
    assert rows == [[*api, "0", "100.00%"], old]
    assert said(capsys, "stat", "-n", "legacy")[1:] == [old]
    assert said(capsys, "stat", "api.default", "-t", "5m")[1][4] == "0.0"


def test_edges_show_who_calls_whom_and_how_secure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    heading, *rows = said(capsys, "edges")
    assert heading[:4] == ["SRC", "DST", "SRC_NS", "DST_NS"]
    host = "api.default.svc.cluster.local"
    web = ["web", "api", "default", "default", host, "http", "mutual_tls", "75.00%"]
    old = ["web", "old", "default", "legacy", host, "tcp", "-", "-", "0.0", "-", "2"]
    assert rows == [[*web, "0.1", "900ms", "0"], old]
    assert said(capsys, "edges", "old")[1:] == [old]


def test_as_json_both_are_what_the_api_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(("edges", "-o", "json")) == 0
    (row, _) = json.loads(capsys.readouterr().out)
    assert row["destination"]["workload"] == "api"
    assert row["volume"]["requests"] == 4
    assert execute(("stat", "-o", "json")) == 0
    assert json.loads(capsys.readouterr().out)[0]["secured"] == 1.0


@pytest.mark.parametrize(
    ("command", "known"),
    [
        ("stat", "api.default, old.legacy"),
        ("edges", "api.default, old.legacy, web.default"),
    ],
)
def test_of_a_name_that_nobody_has_it_is_said_who_is_known(
    capsys: pytest.CaptureFixture[str], command: str, known: str
) -> None:
    assert execute((command, "api.legacy")) == 65
    told = capsys.readouterr()
    assert not told.out
    assert (
        f"nothing is known of 'api.legacy' in this window, but of: {known}" in told.err
    )


def test_metrics_show_the_rates_of_those_that_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = said(capsys, "metrics", "api", "old.legacy")
    assert rows[1] == ["api.default", "0.067", "0.017", "4ms", "800ms", "980ms"]
    assert rows[2] == ["old.legacy", "0.000", "0.000", "-", "-", "-"]
    assert execute(("metrics", "nobody")) != 0
    assert "nobody called 'nobody'" in capsys.readouterr().err
