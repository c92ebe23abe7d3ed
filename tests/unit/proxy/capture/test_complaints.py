"""Options of the capture that cannot be: all are told, with what to say instead."""

from __future__ import annotations

import pytest

from meltemi.proxy.capture.options import CaptureOptions, Inbound, InvalidCaptureError

MARKED = {"uids": (), "gids": ()}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inbound_exclude": ("0",)}, "'0' found, expected a port from 1 to 65535"),
        ({"inbound_ports": ("http",)}, "--inbound-ports: 'http' found"),
        ({"inbound_ports": ("022",)}, "'022' found"),
        ({"inbound_ports": ("65536",)}, "from 1 to 65535 or *"),
        ({"inbound_ports": ("9" * 5000,)}, "from 1 to 65535 or *"),
        ({"outbound_ports": ("*",)}, "'*' found, expected a port"),
        ({"inbound_ports": ("*", "80")}, "* is all of them, found with 80"),
        ({"outbound_ranges": ("10.0.0.0/40",)}, "an address or CIDR or *"),
        ({"outbound_ranges": ("10.1.2.3/8",)}, "expected 10.0.0.0/8, or 10.1.2.3"),
        ({"outbound_ranges_exclude": ("fd00::1/8",)}, "expected fd00::/8, or fd00::1"),
        ({"outbound_ranges": ("*", "10.0.0.0/8")}, "found with 10.0.0.0/8"),
        ({"interfaces_exclude": ("a" * 16,)}, "interface, up to 15"),
        ({"interfaces_exclude": ('x" accept',)}, "interface"),
        ({"interfaces_exclude": ("",)}, "interface"),
        ({"dns": True, "dns_servers": ("resolver",)}, "'resolver' found, expected an"),
        ({"dns_servers": ("10.0.0.10",)}, "say --dns, or leave it out"),
        ({"groups": ("1",), "groups_exclude": ("2",)}, "one of both"),
        ({"groups": tuple(map(str, range(65)))}, "64"),
        ({"groups": ("staff",)}, "number of a group"),
        ({"groups": ("4294967295",)}, "from 0 to 4294967294"),
        ({"groups": ()}, "say --outbound-ranges="),
        ({"groups": ("*", "7")}, "found with 7"),
        ({"groups": ("1337",)}, "which is the proxy's group"),
        ({"uids": (), "gids": ()}, "for ever"),
        ({"uids": (-1,)}, "--proxy-uid: -1 found, expected a number from 0"),
        ({"gids": (2**32 - 1,)}, "--proxy-gid: 4294967295 found"),
        ({"mark": 1, "inbound": Inbound.TPROXY, **MARKED}, "TPROXY"),
        ({"mark": 1}, "--proxy-mark is instead of --proxy-uid"),
        ({"mark": 0, **MARKED}, "--proxy-mark: 0 found, expected a number from 1"),
        ({"mark": 2**32, **MARKED}, "--proxy-mark: 4294967296 found"),
        (
            {"inbound_exclude": ("80",), "inbound_ports": ("80", "81")},
            "--inbound-ports and --exclude-inbound-ports: 80 is in both: leave it out",
        ),
        (
            {"outbound_exclude": ("80",), "outbound_ports": ("80",)},
            "--outbound-ports and --exclude-outbound-ports: 80 is in both",
        ),
        (
            {
                "outbound_ranges": ("10.1.0.0/16",),
                "outbound_ranges_exclude": ("10.0.0.0/8",),
            },
            "--outbound-ranges and --exclude-outbound-ranges: 10.1.0.0/16 is in both",
        ),
        (
            {"virtual_interfaces": ("net1",), "interfaces_exclude": ("net1",)},
            "--virtual-interfaces and --exclude-interfaces: net1 is in both",
        ),
    ],
)
def test_an_option_that_cannot_be_is_named(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidCaptureError) as error:
        CaptureOptions(**options)  # type: ignore[arg-type]
    assert words in str(error.value)


def test_all_of_them_are_named_not_the_first() -> None:
    with pytest.raises(InvalidCaptureError) as error:
        CaptureOptions(inbound_ports=("x",), outbound_ranges=("y",), mark=-1, uids=())
    assert len(str(error.value).splitlines()) == 4


def test_an_exclusion_within_what_is_captured_is_none_of_them() -> None:
    CaptureOptions(
        outbound_ranges=("10.0.0.0/8", "fd00::/8"),
        outbound_ranges_exclude=("10.1.0.0/16", "fd00::1"),
        outbound_exclude=("22",),
        inbound_exclude=("22",),
    )
