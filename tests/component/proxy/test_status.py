from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
from prometheus_client import CollectorRegistry

from meltemi.proxy.adapters.envoy_admin import EnvoyAdmin
from meltemi.proxy.adapters.status import status_app
from meltemi.runtime.operations import Readiness
from meltemi.runtime.settings import Address
from meltemi.testkit.pair import pair
from meltemi.testkit.processes import free_port
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

COUNTED = """
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {name: default, namespace: istio-system}
spec: {defaultProviders: {metrics: [prometheus]}}
"""


async def scraped(port: int) -> httpx2.Response:
    admin = EnvoyAdmin(Address("127.0.0.1", port))
    app = status_app(Readiness(), lambda: None, CollectorRegistry(), admin)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://agent") as http:
        answer = await http.get("/stats/prometheus")
    await admin.close()
    return answer


async def test_an_agent_serves_what_its_envoy_counted(tmp_path: Path) -> None:
    with pair(tmp_path, COUNTED) as envoy:
        assert envoy.call("/", {}) == 200
        await until(lambda: bool(envoy.counted("requests_total", "destination")))
        answer = await scraped(envoy.admin)
    assert answer.status_code == 200
    assert "\nistio_requests_total{" in answer.text
    assert "envoy_istio_" not in answer.text


async def test_an_envoy_that_is_away_has_no_metrics() -> None:
    answer = await scraped(free_port())
    assert answer.status_code == 503
    assert "admin" in answer.text


async def test_who_is_ready_has_joined_when_others_know_of_it() -> None:
    admin = EnvoyAdmin(Address("127.0.0.1", free_port()))
    troubles: list[str | None] = ["Galley is away", None]
    app = status_app(Readiness(), lambda: troubles.pop(0), CollectorRegistry(), admin)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://agent") as http:
        assert (await http.get("/healthz/ready")).status_code == 200
        before, after = await http.get("/joined"), await http.get("/joined")
    await admin.close()
    assert (before.status_code, after.status_code) == (503, 200)
    assert "registration failed: Galley is away" in before.text
