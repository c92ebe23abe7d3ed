from __future__ import annotations

import pytest

from meltemi.runtime.outward import NoWayError, outward_address


def test_to_this_machine_it_is_loopback() -> None:
    assert outward_address("127.0.0.1") == "127.0.0.1"
    assert outward_address("::1") == "::1"


def test_a_name_that_nobody_has_is_no_way() -> None:
    with pytest.raises(NoWayError, match=r"no way to nobody\.invalid"):
        outward_address("nobody.invalid")
