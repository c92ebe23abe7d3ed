from __future__ import annotations

import pytest

from meltemi.runtime.dial_rule import networks, refusal

LOCAL = networks(("127.0.0.0/8", "10.1.0.0/16", "::1"))
EVERYTHING = networks(("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fd12::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "240.0.0.1",
    ],
)
def test_t19_nobody_is_sent_to_what_only_this_machine_reaches(address: str) -> None:
    assert address in refusal(address, ())


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "100.100.100.200",
        "fd00:ec2::254",
        "fe80::1%eth0",
        "0.0.0.0",  # noqa: S104 - nobody binds to it
        "::",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_t19_metadata_and_link_local_open_to_no_list(address: str) -> None:
    assert "link-local, metadata" in refusal(address, EVERYTHING)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "::1", "::ffff:127.0.0.1", "8.8.8.8"]
)
def test_what_is_public_or_allowed_is_reached(address: str) -> None:
    assert not refusal(address, LOCAL)


def test_an_allowed_network_opens_no_other() -> None:
    assert refusal("10.2.0.1", LOCAL)
    assert refusal("2002:7f00:1::", networks(("2002::/16",))), "nor what it leads into"


def test_a_network_with_a_typing_error_is_none() -> None:
    with pytest.raises(ValueError, match=r"10\.1\.2\.3/8"):
        networks(("10.1.2.3/8",))
