from __future__ import annotations

import pytest
import typer

from meltemi.ctl.galley.client import (
    Answer,
    Galley,
    GalleyUnreachableError,
    failed,
    warning_line,
)
from meltemi.testkit.processes import free_port

PROBLEM = {
    "title": "VirtualService default/bad is invalid",
    "code": "config.invalid",
    "detail": "2 problems",
    "errors": [
        {
            "code": "UNKNOWN_FIELD",
            "detail": "unknown field 'host'",
            "path": "spec.host",
            "hint": "did you mean 'hosts'?",
            "source": {"file": "bad.yaml", "document": 1, "line": 5, "column": 3},
        },
        {"code": "IST0106", "detail": "no host"},
    ],
}


def test_every_problem_is_a_line_with_its_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert failed(Answer(422, PROBLEM)).exit_code == 65
    assert capsys.readouterr().err.splitlines() == [
        (
            "bad.yaml:5:3: UNKNOWN_FIELD unknown field 'host' (spec.host) "
            "— did you mean 'hosts'?"
        ),
        "IST0106 no host",
    ]


@pytest.mark.parametrize(
    ("status", "code"), [(401, 77), (403, 77), (404, 1), (409, 1), (422, 65), (503, 69)]
)
def test_the_exit_code_says_who_must_act(status: int, code: int) -> None:
    assert failed(Answer(status, {"title": "no"})).exit_code == code


def test_a_galley_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(GalleyUnreachableError, match="is the mesh up"):
        Galley(f"http://127.0.0.1:{free_port()}").get("/apis")


def test_an_exit_is_what_typer_ends_with() -> None:
    assert isinstance(failed(Answer(500, "broken")), typer.Exit)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            '299 galley "IST0174 The host x is unknown. (spec.host)"',
            "warning: gateway a/b: IST0174 The host x is unknown. (spec.host)",
        ),
        (
            '299 galley "IST0109 VirtualService shop/c: conflicts"',
            "warning: virtualservice shop/c: IST0109 conflicts",
        ),
        ("odd", "warning: gateway a/b: odd"),
    ],
)
def test_a_warning_names_its_object(header: str, line: str) -> None:
    assert warning_line(header, "gateway a/b") == line


def test_a_warning_about_nothing_known_is_told_all_the_same() -> None:
    assert warning_line('299 galley "3 more"', "") == "warning: 3 more"
