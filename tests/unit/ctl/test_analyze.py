from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute

if TYPE_CHECKING:
    from pathlib import Path

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{route: [{destination: {host: nobody}}]}]}
"""
OPAQUE = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: opaque}
spec: {hosts: [opaque.io], ports: [{number: 5, name: tcp}]}
"""


@pytest.mark.parametrize("form", ["table", "json", "yaml", "jsonpath=[*].code"])
def test_an_error_fails_the_command_however_it_is_printed(
    tmp_path: Path, form: str
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(ROUTE)
    assert execute(["analyze", str(file), "-o", form]) == 79


def test_the_threshold_decides_what_fails(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(OPAQUE)
    assert execute(["analyze", str(file)]) == 0
    assert execute(["analyze", str(file), "--failure-threshold", "Warning"]) == 79


def test_a_finding_stands_on_a_line_of_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(ROUTE)
    execute(["analyze", str(tmp_path)])
    out, err = capsys.readouterr()
    assert err.startswith(f"{file}:4:")
    assert err.count("\n") == 1
    assert out == "1 finding\n"


def test_a_program_gets_the_place_in_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(ROUTE)
    execute(["analyze", str(file), "-o", "json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["code"], found["level"], found["line"]) == ("IST0101", "error", 4)


def test_validating_looks_at_each_object_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(ROUTE)
    assert execute(["validate", str(file)]) == 0
    file.write_text(ROUTE.replace("hosts:", "host:"))
    assert execute(["validate", str(file)]) == 65
