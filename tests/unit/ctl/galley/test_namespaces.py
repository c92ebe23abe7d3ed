from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.citadel import cert
from meltemi.ctl.galley import namespaces
from meltemi.ctl.galley.client import Answer, Galley
from meltemi.ctl.main import execute
from meltemi.ctl.traffic import commands, top
from meltemi.galley.traffic import traffic
from meltemi.stats.report import Counted
from meltemi.testkit.edges import counts, edge

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.galley.traffic import Traffic


class Known(Galley):
    """A mesh with an object in ``shop`` and a gateway's proxy in ``edge``."""

    def get(self, path: str) -> Answer:
        if path.endswith("proxies"):
            return Answer(200, [{"proxy": "gateway.edge"}])
        shop = path.endswith("virtualservices")
        items = [{"metadata": {"namespace": "shop", "name": "a"}}] if shop else []
        return Answer(200, {"items": items})


class Narrow(Known):
    """The same for who may not read every kind."""

    def get(self, path: str) -> Answer:
        gateways = path.endswith("gateways")
        return Answer(403, {}) if gateways else super().get(path)


@pytest.fixture(autouse=True)
def _mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Path, window: str) -> Traffic:
        del window
        return traffic((Counted(edge(), counts(3)),), 60.0)

    for module in (commands, top):
        monkeypatch.setattr(module, "read_traffic", read)
    monkeypatch.setattr(namespaces, "connect", lambda _: Known("http://galley"))
    monkeypatch.setattr(cert, "citadel", lambda _: None)
    monkeypatch.setattr(cert, "ask", lambda *_: {"items": []})


VIEWS = ("stat", "edges", "top --count 1", "cert list")


@pytest.mark.parametrize("words", VIEWS)
def test_a_namespace_that_is_not_there_is_bad_input(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute([*words.split(), "-n", "sho"]) == 65
    told = capsys.readouterr()
    assert not told.out
    known = "there is no namespace 'sho', but: default, edge, shop"
    assert known in told.err
    assert "did you mean 'shop'?" in told.err


@pytest.mark.parametrize("words", VIEWS)
@pytest.mark.parametrize("home", ["shop", "edge", "default"])
def test_of_one_that_is_there_and_quiet_there_is_nothing_to_show(
    words: str, home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute([*words.split(), "-n", home]) == 0
    assert not capsys.readouterr().err


@pytest.mark.parametrize("words", VIEWS)
def test_who_may_not_see_everything_is_told_nothing_of_what_is_not_there(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces, "connect", lambda _: Narrow("http://galley"))
    assert execute([*words.split(), "-n", "sho"]) == 0


def test_where_no_galley_answers_nobody_says_what_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    namespaces.expect_namespace(tmp_path, "sho")
