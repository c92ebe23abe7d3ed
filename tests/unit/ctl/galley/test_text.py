from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.config.finding import InvalidConfigError
from meltemi.ctl.galley.text import UnreadableInputError, read_all
from meltemi.ctl.main import execute

if TYPE_CHECKING:
    from pathlib import Path

VIRTUAL = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
"""
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}
"""


def test_what_is_referred_to_is_written_first(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(VIRTUAL)
    (tmp_path / "b.yml").write_text(RULE)
    (tmp_path / "notes.txt").write_text("not configuration")
    found = read_all([str(tmp_path)], namespace="shop")
    assert [each.kind for each in found] == ["DestinationRule", "VirtualService"]
    assert {each.metadata.namespace for each in found} == {"shop"}


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(VIRTUAL.replace("hosts:", "host:"))
    with pytest.raises(InvalidConfigError) as error:
        read_all([str(tmp_path)], namespace="default")
    files = {finding.source.file for finding in error.value.findings}
    assert files == {str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match=r"gone.yaml: No such file"):
        read_all([str(tmp_path / "gone.yaml")], namespace="default")


def test_an_empty_folder_is_not_taken_for_success(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match="holds no"):
        read_all([str(tmp_path)], namespace="default")


@pytest.mark.parametrize("command", ["apply -f", "diff -f", "analyze", "validate"])
def test_input_that_cannot_be_read_is_bad_input_to_every_command(
    tmp_path: Path, command: str
) -> None:
    for path in (tmp_path, tmp_path / "gone.yaml"):
        assert execute([*command.split(), str(path)]) == 65
