"""Metrics as an agent tells them, read back with the public client."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.testkit.up import Up

Series = tuple[tuple[str, str], ...]
"""The labels of one time series, by name."""


@dataclass(frozen=True)
class Pages:
    """The metrics of some proxies, as their agents tell them."""

    addresses: tuple[str, ...]

    def counted(self, metric: str) -> Counter[Series]:
        """Return what was counted under ``metric``, by labels."""
        found: Counter[Series] = Counter()
        for address in self.addresses:
            text = httpx2.get(f"http://{address}/stats/prometheus", timeout=20).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name == metric:
                        found[labels(**sample.labels)] += int(sample.value)
        return found


def pages(mesh: Up, *proxies: str) -> Pages:
    """Return the pages of ``proxies``, which are parts of ``mesh``."""
    status = mesh.status()
    return Pages(tuple(status[each]["addresses"]["status"] for each in proxies))


def labels(**given: str) -> Series:
    """Return ``given`` as `counted` has them."""
    return tuple(sorted(given.items()))


def every_page(mesh: Up, more: Sequence[str]) -> list[str]:
    """Return the metrics of every part of ``mesh``, and of the agents at ``more``."""
    urls = [f"http://{each}/stats/prometheus" for each in more]
    for name, part in mesh.status().items():
        addresses = part["addresses"]
        if "status" in addresses:
            urls.append(f"http://{addresses['status']}/stats/prometheus")
        elif name.startswith(("galley", "pilot", "citadel")):
            urls.append(f"http://{addresses['http']}/metrics")
    found = []
    for url in urls:
        answer = httpx2.get(url, timeout=20, trust_env=False)
        assert answer.is_success, url
        found.append(answer.text)
    return found
