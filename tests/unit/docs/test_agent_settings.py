"""The page of the agent's settings: all of them, with their defaults, and no other."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest

from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import read_settings

PAGE = (Path(__file__).parents[3] / "docs/agent-settings.md").read_text()
ROW = re.compile(r"^\| `(AGENT_\w+)` \| (.*?) \| .*\|$", re.MULTILINE)
TOLD = dict(ROW.findall(PAGE))
SAID = (str, Path, Enum)
NOTHING = (
    *("none", "any", "its own", "the group's", "the package's"),
    "`credential.key` in the folder",
)
FIELDS = {f"AGENT_{name.upper()}": f for name, f in AgentSettings.model_fields.items()}


def test_every_setting_stands_there_once_and_nothing_else() -> None:
    assert len(ROW.findall(PAGE)) == len(TOLD)
    assert set(TOLD) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_its_default_is_the_one_that_is_told(name: str) -> None:
    field, said = FIELDS[name], TOLD[name]
    if field.is_required():
        assert said == "needed"
        return
    usual: object = field.get_default(call_default_factory=True)
    if isinstance(usual, tuple) and usual:
        assert said.split() == [f"`{each}`" for each in usual]
    elif (usual and isinstance(usual, SAID)) or isinstance(usual, (bool, int, float)):
        assert said == f"`{spelled(usual)}`"
    else:
        assert said in NOTHING, "nothing is set"


def spelled(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def test_the_command_on_the_page_is_complete() -> None:
    given = dict(re.findall(r"(AGENT_\w+)=(\S+)", PAGE.partition("```bash")[2]))
    assert read_settings(AgentSettings, given).name == "hello-v1"
