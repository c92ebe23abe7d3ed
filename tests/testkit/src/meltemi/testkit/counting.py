"""What the two workloads of `meltemi.testkit.observed` counted, by labels."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from meltemi.testkit.scrape import labels

if TYPE_CHECKING:
    from meltemi.testkit.observed import Observed
    from meltemi.testkit.scrape import Series

Count = dict[str, str]
"""The labels of one time series."""


async def counts(
    mesh: Observed, who: str, metric: str = "istio_requests_total"
) -> Counter[Series]:
    """Return what ``web`` or ``api`` counted."""
    text = await mesh.page(mesh.web if who == "web" else mesh.api)
    found: Counter[Series] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == metric:
                found[labels(**sample.labels)] += int(sample.value)
    return found
