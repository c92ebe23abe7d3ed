"""Whoever asks for ten thousand hosts does not make a proxy grow without a bound."""

from __future__ import annotations

import asyncio
import http.client
import re
from typing import TYPE_CHECKING

import psutil
import pytest

from meltemi.pilot.emit.metric import MOST_COUNTERS, MOST_HISTOGRAMS
from meltemi.testkit.observed import observed
from meltemi.testkit.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.runtime.settings import Address

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

HOSTS, STEP = 10_000, 1000
MIB = 1024 * 1024
TELEMETRY = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: hosts, namespace: istio-system}
spec:
  metrics:
  - overrides:
    - match: {metric: ALL_METRICS}
      tagOverrides: {host: {value: request.host}}
"""


def ask(address: Address, first: int) -> None:
    """Ask for hosts that nobody asked for before, over one connection."""
    connection = http.client.HTTPConnection(str(address), timeout=10)
    for number in range(first, first + STEP):
        connection.request("GET", "/", headers={"host": f"h{number}.example"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


async def test_5_ten_thousand_hosts_leave_a_proxy_no_larger_than_half_of_them(
    tmp_path: Path,
) -> None:
    async with observed(tmp_path) as mesh:
        await mesh.apply(TELEMETRY)
        envoy = psutil.Process(mesh.web.envoy)
        before = envoy.memory_info().rss / MIB
        sizes = []
        for first in range(0, HOSTS, STEP):
            await asyncio.to_thread(ask, mesh.to_api, first)
            sizes.append(envoy.memory_info().rss / MIB)
        page = await mesh.page(mesh.web)
        counters = len(re.findall(r"^istio_requests_total{", page, re.MULTILINE))
        spreads = len(re.findall(r"^istio_\w+_count{", page, re.MULTILINE))
        assert STEP < counters <= MOST_COUNTERS
        assert STEP < spreads <= MOST_HISTOGRAMS
        assert sizes[-1] - sizes[4] < 16, sizes
        assert sizes[-1] - before < 64, (before, sizes)
        assert len(page) < 40 * MIB, "and its page can be read"

        async def told() -> bool:
            answer = await mesh.plane.galley.get("/api/v1/stats?window=5m")
            volumes = [each["volume"] for each in answer.json()["edges"]]
            total: int = sum(each["requests"] for each in volumes)
            return total >= STEP

        await eventually(told, seconds=40)
        assert (await mesh.call("/")).status_code == 200
