from __future__ import annotations

from meltemi.ctl.local.ports import RANGE, choose_ports
from meltemi.runtime.http import listen
from meltemi.runtime.settings import Address


def test_ports_are_distinct_and_outside_of_the_ephemeral_range() -> None:
    ports = choose_ports(map(str, range(50)), {}, start=0)

    assert len(set(ports.values())) == 50
    assert all(port in RANGE for port in ports.values())
    assert RANGE[-1] < 32768


def test_a_name_keeps_the_port_it_has() -> None:
    first = choose_ports(["a"], {}, start=0)

    second = choose_ports(["b", "a"], first, start=0)

    assert second["a"] == first["a"] != second["b"]


def test_a_port_that_somebody_holds_is_passed_over() -> None:
    port = choose_ports(["a"], {}, start=100)["a"]

    with listen(Address("127.0.0.1", port)):
        assert choose_ports(["a"], {}, start=100)["a"] != port
