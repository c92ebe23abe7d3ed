from __future__ import annotations

import pytest

from meltemi.credentials.invitation import Invitation
from meltemi.ctl.workload.machine import control_plane, machine_options
from meltemi.ctl.workload.wish import BadWishError

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
