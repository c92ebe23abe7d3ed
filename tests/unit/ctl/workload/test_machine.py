from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.credentials.invitation import Invitation
from meltemi.ctl.workload import machine
from meltemi.ctl.workload.machine import capturing, control_plane, machine_options
from meltemi.ctl.workload.wish import BadWishError

if TYPE_CHECKING:
    from pathlib import Path

INVITATION = Invitation(
    "cluster.local", "10.0.0.1:15012", "10.0.0.1:15013", ("10.0.0.2:15010",), ("PEM",)
)


def test_what_an_agent_needs_before_there_is_an_envoy_is_left_alone() -> None:
    beyond = control_plane(INVITATION, "https://10.0.0.3:15443")
    assert beyond == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    options = machine_options((*beyond, "fd00::1"), {})
    assert set(options.outbound_ranges_exclude) >= {"10.0.0.1/32", "fd00::1/128"}


def test_the_port_that_ssh_came_in_by_is_left_alone() -> None:
    session = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 2222"}
    assert "2222" in machine_options((), session).inbound_exclude


def test_a_galley_that_nobody_knows_is_said_so() -> None:
    with pytest.raises(BadWishError, match=r"no address of nobody\.invalid"):
        control_plane(INVITATION, "https://nobody.invalid")


class Filter:
    """A packet filter that only remembers."""

    def __init__(self, *, held: bool = False) -> None:
        self.held, self.told = held, list[str]()

    def holds_ours(self) -> bool:
        return self.held

    def apply(self, _: object) -> None:
        self.told.append("apply")

    def clean(self, _: object) -> None:
        self.told.append("clean")


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Filter:
    made = Filter()
    monkeypatch.setattr(machine, "Netfilter", lambda: made)
    return made


def test_what_a_workload_captured_it_gives_back(rules: Filter, tmp_path: Path) -> None:
    with capturing(machine_options((), {}), tmp_path / "sign") as capture:
        capture()
        assert (tmp_path / "sign").exists()
    assert rules.told == ["apply", "clean"]
    assert not (tmp_path / "sign").exists()


def test_who_never_captured_takes_no_rules_away(rules: Filter, tmp_path: Path) -> None:
    with capturing(machine_options((), {}), tmp_path / "sign"):
        pass
    assert rules.told == []


def test_rules_of_somebody_else_are_left_alone(rules: Filter, tmp_path: Path) -> None:
    rules.held = True
    with (
        pytest.raises(BadWishError, match="captured already"),
        capturing(machine_options((), {}), tmp_path / "sign"),
    ):
        raise AssertionError("it has begun")
    assert rules.told == []


def test_who_was_killed_finds_its_own_rules_again(
    rules: Filter, tmp_path: Path
) -> None:
    rules.held = True
    (tmp_path / "sign").touch()
    with capturing(machine_options((), {}), tmp_path / "sign") as capture:
        capture()
    assert rules.told == ["apply", "clean"]
