"""What a pause container's command is told."""

from __future__ import annotations

from meltemi.injector.capture_words import capture_words
from meltemi.injector.sidecar import Defaults, sidecar_of
from meltemi.injector.workload import Workload

RANGES = "traffic.sidecar.istio.io/{}OutboundIPRanges"


def words(**annotations: str) -> list[str]:
    said = {RANGES.format(name): each for name, each in annotations.items()}
    workload = Workload("web", "default", "web", annotations=said)
    return list(capture_words(sidecar_of(workload, Defaults())[0].capture))


def test_bits_for_hosts_are_left_out_of_ranges() -> None:
    told = words(exclude="10.1.2.3/8,fd00::1/64")
    assert "--exclude-outbound-ranges=10.0.0.0/8,fd00::/64" in told
    assert "--outbound-ranges=192.168.0.0/16" in words(include="192.168.1.1/16")
