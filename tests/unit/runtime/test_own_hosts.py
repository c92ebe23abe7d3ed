from __future__ import annotations

import pytest

from meltemi.runtime.own_hosts import is_own


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1:8080", True),
        ("127.0.0.1", True),
        ("[::1]:8080", True),
        ("[::1]", True),
        ("LOCALHOST:80", True),
        ("galley.localhost.", True),
        ("evil.example", False),
        ("evil.example:8080", False),
        ("localhost.evil.example", False),
        ("evillocalhost", False),
        ("127.0.0.1.evil.example", False),
        ("0.0.0.0:8080", False),
        ("192.0.2.1", False),
        ("", False),
    ],
)
def test_only_loopback_addresses_and_localhost_are_this_machine(
    host: str, *, own: bool
) -> None:
    assert is_own(host) is own
