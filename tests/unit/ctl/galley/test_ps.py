from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.ctl.galley import ps
from meltemi.ctl.galley.client import Answer, Galley
from meltemi.ctl.galley.ps import proxy_row
from meltemi.ctl.output import Output

if TYPE_CHECKING:
    import pytest


class Nobody(Galley):
    """A Galley that no Pilot answers."""

    def get(self, path: str) -> Answer:
        assert path == "/api/v1/proxies"
        return Answer(200, [])


def test_that_there_is_no_proxy_is_said_beside_the_empty_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ps, "connect", lambda _: Nobody("http://nowhere"))
    ps.ps(state=Path("unused"), output=Output.JSON)
    told = capsys.readouterr()
    assert told.out.strip() == "[]"
    assert told.err.startswith("note: no Pilot that answers Galley has a proxy")


def test_a_proxy_shows_what_it_refuses() -> None:
    types = {
        "cds": {"acked": "7", "error": "bad cluster"},
        "eds": {"acked": "7", "error": None},
    }
    row = {
        "proxy": "reviews-v1.default",
        "pilot": "pilot-0",
        "connected": True,
        "revision": "7",
        "types": types,
    }
    assert proxy_row(row) == [
        "reviews-v1.default",
        "pilot-0",
        "yes",
        "7",
        "7 REFUSED",
        "7",
        "-",
        "-",
        "-",
        "-",
    ]
