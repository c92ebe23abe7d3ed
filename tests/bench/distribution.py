"""How long a change takes to every proxy of the demo, and how long the demo to start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx2
from measure import Figure, percentile

from meltemi.testkit.up import demo
from meltemi.testkit.walkthrough import NETWORKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGES = 40
UP_SECONDS = 15
SECONDS = 10.0


def figures() -> Iterator[Figure]:
    """Yield the start of the demo, and commit to last acknowledgement."""
    begun = time.perf_counter()
    with demo() as mesh:
        took = time.perf_counter() - begun
        yield Figure("meltemi up --demo", took, "s", UP_SECONDS)
        base, token = mesh.url("galley"), mesh.do("token", "admin").strip()
        path = f"/apis/{NETWORKING}/namespaces/default/virtualservices/reviews"
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=base, headers=headers, timeout=10) as client:
            sample = [_change(client, path, number) for number in range(CHANGES)]
    for percent in (50, 99):
        name = f"commit to last of 7 acknowledgements, {percent} %"
        yield Figure(name, percentile(sample, percent) * 1000, "ms")


def _change(client: httpx2.Client, path: str, number: int) -> float:
    """Change the reviews' timeout; return the seconds until all proxies have it."""
    body = {
        "apiVersion": NETWORKING,
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "default"},
        "spec": {
            "hosts": ["reviews"],
            "http": [
                {
                    "timeout": f"{10_000 + number}ms",
                    "route": [{"destination": {"host": "reviews"}}],
                }
            ],
        },
    }
    client.put(path, json=body).raise_for_status()
    deadline = time.perf_counter() + SECONDS
    while time.perf_counter() < deadline:
        found = client.get(f"{path}/distribution").json()
        if found["total"] and found["synced"] == found["total"]:
            return float(found["seconds"])
        time.sleep(0.02)
    raise TimeoutError(f"change {number} did not arrive in {SECONDS} s")
