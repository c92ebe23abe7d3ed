from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meltemi.config.kinds import KIND_BY_NAME
from meltemi.ctl.galley import wait
from meltemi.ctl.galley.client import Answer, Galley
from meltemi.ctl.galley.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

WHERE = Target(KIND_BY_NAME["VirtualService"], "default", "reviews")


class Said(Galley):
    """A Galley that answers from a list, the last answer for ever."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        super().__init__("http://nowhere")
        object.__setattr__(self, "_answers", list(answers))

    def get(self, path: str) -> Answer:
        assert path.startswith(WHERE.path)
        answers: list[Answer] = object.__getattribute__(self, "_answers")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def distribution(synced: int, **more: Any) -> Answer:
    body = {
        "revision": "44",
        "total": 7,
        "synced": synced,
        "pending": ["reviews-v1.default"] if synced < 7 else [],
        "rejected": [],
        "seconds": 0.0431,
    }
    return Answer(200, body | more)


def test_it_waits_until_every_proxy_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    galley = Said([distribution(3), distribution(7)])
    assert wait.wait_arrived(galley, WHERE, "", 5) == 0
    assert capsys.readouterr().out == (
        "7/7 proxies at revision 44, 43 ms after it was written\n"
    )


def test_at_the_timeout_it_names_who_lags(capsys: pytest.CaptureFixture[str]) -> None:
    assert wait.wait_arrived(Said([distribution(6)]), WHERE, "", 0) == 75
    assert "6/7 proxies" in (error := capsys.readouterr().err)
    assert "reviews-v1.default" in error


def test_a_refusal_ends_the_wait_with_envoys_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refusal = {"proxy": "reviews-v1.default", "type": "cds", "message": "not prime"}
    galley = Said([distribution(6, rejected=[refusal])])
    assert wait.wait_arrived(galley, WHERE, "", 5) == 1
    assert "reviews-v1.default refused it (cds): not prime" in capsys.readouterr().err


def test_nobody_connected_is_not_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    empty = distribution(0, total=0, pending=[])
    assert wait.wait_arrived(Said([empty]), WHERE, "", 0) == 75
    assert "no proxy is connected" in capsys.readouterr().err


def test_a_condition_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    conditions = [{"type": "Reconciled", "status": "True"}]
    galley = Said([Answer(200, {"status": {"conditions": conditions}})])
    assert wait._wait_condition(galley, WHERE, "Reconciled", 5) == 0
    assert "is Reconciled" in capsys.readouterr().out
    assert wait._wait_condition(galley, WHERE, "Rejected", 0) == 75
