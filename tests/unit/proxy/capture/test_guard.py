"""Whoever comes in over SSH is not locked out."""

from __future__ import annotations

import pytest

from meltemi.proxy.capture.guard import spared, ssh_ports
from meltemi.proxy.capture.options import CaptureOptions, InvalidCaptureError
from meltemi.proxy.capture.sockets import Door, doors

SESSION = "192.0.2.7 50022 10.77.0.3 2222"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
REST = "00000000:00000000 00:00000000 00000000     0        0"
LISTENS = f"   0: 00000000:0016 00000000:0000 0A {REST} 4711 1 0 100 0 0 10 0"
TALKS = f"   1: 0300A8C0:0016 0700A8C0:C366 01 {REST} 4712 1 0 100 0 0 10 0"
NEAR = f"   2: 0100007F:177A 00000000:0000 0A {REST} 4713 1 0 100 0 0 10 0"
NEAR6 = NEAR.replace("0100007F", "00000000000000000000000001000000")
DATAGRAMS = f" 7: 0100007F:3ACD 00000000:0000 07 {REST} 4714 2 0 0"


def test_a_socket_that_waits_is_told_from_one_that_talks() -> None:
    assert list(doors([HEAD, LISTENS, TALKS, "", "short"])) == [Door(22, "4711")]
    assert list(doors([NEAR, NEAR6])) == [Door(6010, "4713", near=True)] * 2
    assert list(doors([DATAGRAMS])) == [Door(15053, "4714", near=True)]


def test_the_ports_are_those_of_the_session_and_of_whoever_listens() -> None:
    assert ssh_ports([SESSION], doors([HEAD, LISTENS]), set()) == (2222, 22)
    assert ssh_ports([], doors([HEAD, TALKS]), set()) == ()


def test_the_ports_that_an_ssh_server_holds_are_ssh_but_for_what_it_forwards() -> None:
    at_2200, forwarded = Door(2200, "7"), Door(6010, "8", near=True)
    found = ssh_ports([], [at_2200, forwarded, Door(80, "9")], {"7", "8"})
    assert found == (2200,)


@pytest.mark.parametrize(
    "words", ["", "1 2 3", "a b c d", "a b c -1", "a b c 0", "a b c 65536", "a b c ²"]
)
def test_a_session_that_says_no_port_is_passed_over(words: str) -> None:
    assert ssh_ports([words], [], set()) == ()


def test_they_are_left_alone_where_everything_is_captured() -> None:
    options = CaptureOptions(inbound_exclude=("22", "9000"))
    assert spared(options, (22, 2222)).inbound_exclude == ("22", "9000", "2222")
    some = CaptureOptions(inbound_ports=("80",))
    assert spared(some, (22,)) == some


def test_to_capture_them_by_name_has_to_be_said_twice() -> None:
    with pytest.raises(InvalidCaptureError) as error:
        spared(CaptureOptions(inbound_ports=("22", "80")), (22,))
    assert "--capture-ssh" in str(error.value)
