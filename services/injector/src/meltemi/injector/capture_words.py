"""What is captured, as options of ``meltemi capture``."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from meltemi.injector.reading import ALL
from meltemi.kernel.networks import is_inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.injector.sidecar import Capture

Words = tuple[str, ...]


def capture_words(capture: Capture) -> Iterator[str]:
    """Yield the options of ``meltemi capture`` that set the rules of ``capture``.

    What is included and excluded at once, which the command refuses, is said as Istio's
    order of rules decides it: a port for what comes in that is named is captured,
    whatever is excluded; of what goes out, what is excluded is not.
    """
    inbound = capture.inbound_ports.value
    interfaces = capture.interfaces_exclude.value
    never = _canonical(capture.outbound_ranges_exclude.value)
    ranges = _canonical(capture.outbound_ranges.value)
    outbound, spared = capture.outbound_ports.value, capture.outbound_exclude.value
    lists: tuple[tuple[str, Words, Words], ...] = (
        ("inbound-ports", inbound, (ALL,)),
        (
            "exclude-inbound-ports",
            capture.inbound_exclude.value if inbound == (ALL,) else (),
            (),
        ),
        ("outbound-ports", _without(outbound, spared), ()),
        ("exclude-outbound-ports", spared, ()),
        ("outbound-ranges", _beyond(ranges, never), (ALL,)),
        ("exclude-outbound-ranges", never, ()),
        ("exclude-interfaces", interfaces, ()),
        (
            "virtual-interfaces",
            _without(capture.virtual_interfaces.value, interfaces),
            (),
        ),
    )
    for option, words, usual in lists:
        if words != usual:
            yield f"--{option}={','.join(words)}"
    if capture.dns.value:
        yield "--dns"


def _canonical(ranges: Words) -> Words:
    """Return ``ranges`` without bits for hosts, which the command refuses."""
    return tuple(
        each if each == ALL else str(ip_network(each, strict=False)) for each in ranges
    )


def _without(words: Words, spared: Words) -> Words:
    return tuple(each for each in words if each not in spared)


def _beyond(ranges: Words, never: Words) -> Words:
    """Return those of ``ranges`` that are in none of ``never``."""
    outer = [ip_network(each) for each in never]
    return tuple(
        each
        for each in ranges
        if each == ALL or not any(is_inside(ip_network(each), one) for one in outer)
    )
