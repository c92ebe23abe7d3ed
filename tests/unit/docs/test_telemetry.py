"""The page's JSON of traffic is what the commands and the API print."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.ctl.main import execute
from meltemi.ctl.traffic import commands
from meltemi.galley.traffic import Traffic, traffic
from meltemi.stats.report import Counted
from meltemi.testkit.edges import counts, edge

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[3] / "docs/telemetry.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## For scripts")[2].partition("\n## ")[0]
EDGES, STAT = map(json.loads, re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL))
PASSED = traffic(
    [Counted(edge(reporter=each), counts(3, 3)) for each in ("source", "destination")],
    60.0,
)


@pytest.fixture(autouse=True)
def _mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Path, __: str) -> Traffic:
        return PASSED

    monkeypatch.setattr(commands, "read_traffic", read)


def fields(found: dict[str, Any], within: str = "") -> Iterator[tuple[str, type]]:
    """Yield every field of a row by its path, and of which kind it is."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield from fields(value, f"{within}{name}.")
        else:
            yield within + name, type(value)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, type]:
    """Return the fields of the one row that a command prints."""
    assert execute((*words, "-o", "json")) == 0
    (row,) = json.loads(capsys.readouterr().out)
    return dict(fields(row))


@pytest.mark.parametrize(
    ("words", "example"),
    [(("edges",), EDGES), (("stat",), STAT), (("metrics", "api"), STAT)],
)
def test_the_example_has_the_fields_that_are_printed(
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    example: list[dict[str, Any]],
) -> None:
    (row,) = example
    assert dict(fields(row)) == printed(capsys, *words)


def test_every_field_is_explained_and_no_other() -> None:
    cells = re.findall(r"^\| (`[^|]+) \|", SECTION, re.MULTILINE)
    explained = re.findall(r"`([^`]+)`", " ".join(cells))
    real = [name for row in (EDGES[0], STAT[0]) for name, _ in fields(row)]
    assert len(explained) == len(set(explained))
    assert set(explained) == set(real)


def test_the_api_answers_with_these_rows_under_the_names_on_the_page() -> None:
    told = re.search(r"`GET /api/v1/stats` answers `{(.+?)}`", SECTION)
    assert told is not None
    names = re.findall(r'"(\w+)":', told[1])
    assert tuple(names) == Traffic.__struct_fields__
