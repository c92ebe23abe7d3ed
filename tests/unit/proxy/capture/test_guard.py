"""Whoever comes in over SSH is not locked out."""

from __future__ import annotations

import pytest

from meltemi.proxy.capture.guard import spared, ssh_ports
from meltemi.proxy.capture.options import CaptureOptions, InvalidCaptureError

SESSION = {"SSH_CONNECTION": "192.0.2.7 50022 10.77.0.3 2222"}
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue"
LISTENS = "   0: 00000000:0016 00000000:0000 0A 00000000:00000000"
TALKS = "   1: 0300A8C0:0016 0700A8C0:C366 01 00000000:00000000"


def test_the_ports_are_those_of_the_session_and_of_whoever_listens() -> None:
    assert ssh_ports(SESSION, [HEAD, LISTENS]) == (2222, 22)
    assert ssh_ports({}, [HEAD, TALKS]) == ()
    assert ssh_ports({"SSH_CONNECTION": ""}, ["", HEAD]) == ()


def test_they_are_left_alone_where_everything_is_captured() -> None:
    options = CaptureOptions(inbound_exclude=("22", "9000"))
    assert spared(options, (22, 2222)).inbound_exclude == ("22", "9000", "2222")
    some = CaptureOptions(inbound_ports=("80",))
    assert spared(some, (22,)) == some


def test_to_capture_them_by_name_has_to_be_said_twice() -> None:
    with pytest.raises(InvalidCaptureError) as error:
        spared(CaptureOptions(inbound_ports=("22", "80")), (22,))
    assert "--capture-ssh" in str(error.value)
