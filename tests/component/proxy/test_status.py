from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from meltemi.proxy.adapters.app_metrics import LARGEST, AppMetrics
from meltemi.proxy.adapters.envoy_admin import EnvoyAdmin
from meltemi.proxy.adapters.probing import Prober
from meltemi.proxy.adapters.scraping import Scraping
from meltemi.proxy.adapters.status import Sources, ready_app, status_app
from meltemi.proxy.health.probe import places, read_app_probes
from meltemi.runtime.operations import Readiness
from meltemi.runtime.settings import Address
from meltemi.testkit.pair import pair
from meltemi.testkit.processes import free_port
from meltemi.testkit.shop import shop
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.applications import Starlette

HERE = ("127.0.0.1", 4711)
COUNTED = """
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {name: default, namespace: istio-system}
spec: {defaultProviders: {metrics: [prometheus]}}
"""


class Agent:
    """What serves an agent's HTTP, without the agent."""

    def __init__(
        self, admin: int = 0, application: int = 0, path: str = "/metrics"
    ) -> None:
        registry = CollectorRegistry()
        self.admin = EnvoyAdmin(Address("127.0.0.1", admin or free_port()))
        url = f"http://127.0.0.1:{application}{path}"
        metrics = AppMetrics(url) if application else None
        self.scraping = Scraping(self.admin, registry, metrics)
        self.prober = Prober(places(None))
        self.readiness = Readiness()
        self.troubles: list[str | None] = []
        self.obeyed: list[str] = []
        probe = {"httpGet": {"path": "/health", "port": application or 1}}
        gone = {"tcpSocket": {"port": free_port()}}
        probes = {"/app-health/web/readyz": probe, "/app-health/web/livez": gone}
        sources = Sources(
            self.readiness,
            lambda: self.troubles.pop(0),
            self.scraping,
            read_app_probes(json.dumps(probes)),
            self.prober,
        )
        self.app = status_app(sources, registry, {"/quitquitquit": self.obey})

    async def obey(self) -> None:
        self.obeyed.append("quit")

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        async with client(self.app) as http:
            return await http.get(path, headers=headers)


def client(app: Starlette, caller: tuple[str, int] = HERE) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, client=caller)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:15020")


@contextlib.asynccontextmanager
async def agent(
    admin: int = 0, application: int = 0, path: str = "/metrics"
) -> AsyncIterator[Agent]:
    made = Agent(admin, application, path)
    yield made
    await made.admin.close()
    await made.scraping.close()
    await made.prober.close()


async def test_envoys_the_agents_and_the_applications_numbers_are_one_answer(
    tmp_path: Path,
) -> None:
    with pair(tmp_path, COUNTED) as envoy, shop() as port:
        assert envoy.call("/", {}) == 200
        await until(lambda: bool(envoy.counted("requests_total", "destination")))
        async with agent(envoy.admin, port) as made:
            for path in ("/stats/prometheus", "/metrics"):
                answer = await made.get(path)
                assert answer.status_code == 200
                assert "\nistio_requests_total{" in answer.text
                assert "envoy_istio_" not in answer.text
                assert "meltemi_agent_scrape_failures_total{" in answer.text
                assert "\nshop_orders_total 3.0" in answer.text


async def test_the_application_chooses_the_format_by_what_the_scraper_takes() -> None:
    with shop() as port:
        async with agent(application=port) as made:
            plain = await made.get("/metrics", accept="text/plain")
            opened = await made.get("/metrics", accept="application/openmetrics-text")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    assert opened.text.endswith("# EOF\n")
    assert "shop_orders_total 3.0" in opened.text


@pytest.mark.parametrize("path", ["/never", "/endless", "/page", "/missing", "/cut"])
async def test_an_application_that_misbehaves_costs_only_its_own_numbers(
    path: str,
) -> None:
    with shop() as port:
        async with agent(application=port, path=path) as made:
            async with asyncio.timeout(4):
                answer = await made.get(
                    "/metrics", **{"x-prometheus-scrape-timeout-seconds": "2"}
                )
    assert answer.status_code == 200
    assert "shop" not in answer.text
    assert len(answer.content) < LARGEST / 100
    failures = 'meltemi_agent_scrape_failures_total{part="application"} 1.0'
    assert failures in answer.text, "and is told of"


async def test_an_envoy_that_is_away_costs_only_its_own_numbers() -> None:
    with shop() as port:
        async with agent(application=port) as made:
            answer = await made.get("/stats/prometheus")
    assert answer.status_code == 200
    assert "shop_orders_total 3.0" in answer.text
    assert 'scrape_failures_total{part="envoy"} 1.0' in answer.text


async def test_who_is_ready_has_joined_when_others_know_of_it() -> None:
    async with agent() as made:
        made.troubles = ["Galley is away", None]
        assert (await made.get("/healthz/ready")).status_code == 200
        before, after = await made.get("/joined"), await made.get("/joined")
    assert (before.status_code, after.status_code) == (503, 200)
    assert "registration failed: Galley is away" in before.text


async def test_a_probe_is_passed_on_to_the_application_and_its_answer_back() -> None:
    with shop() as port:
        async with agent(application=port) as made:
            well = await made.get("/app-health/web/readyz", **{"user-agent": "kube"})
            dead = await made.get("/app-health/web/livez")
            unknown = await made.get("/app-health/other/livez")
    assert (well.status_code, well.text) == (200, "well, kube\n")
    assert dead.status_code == 500
    assert unknown.status_code == 404


async def test_orders_are_taken_by_post_from_this_machine_alone() -> None:
    async with agent() as made:
        assert (await made.get("/quitquitquit")).status_code == 405
        async with client(made.app, ("10.1.0.7", 4711)) as http:
            assert (await http.post("/quitquitquit")).status_code == 403
        async with client(made.app) as http:
            page = {"origin": "http://evil.example"}
            led = {"host": "evil.example"}
            through = {"x-forwarded-client-cert": "By=spiffe://a;URI=spiffe://b"}
            by_envoy = {"x-envoy-attempt-count": "1"}
            for headers in (page, led, through, by_envoy):
                answer = await http.post("/quitquitquit", headers=headers)
                assert answer.status_code == 403
        async with client(made.app, ("127.0.0.6", 4711)) as http:
            answer = await http.post("/quitquitquit")
            assert answer.status_code == 403, "an Envoy passed it on from elsewhere"
        async with client(made.app) as http:
            assert not made.obeyed
            assert (await http.post("/quitquitquit")).status_code == 200
        async with client(made.app, ("::ffff:127.0.0.1", 4711)) as http:
            assert (await http.post("/quitquitquit")).status_code == 200
    assert made.obeyed == ["quit", "quit"]


async def test_who_may_only_ask_for_readiness_gets_nothing_else() -> None:
    readiness = Readiness()
    async with client(ready_app(readiness)) as http:
        assert (await http.get("/healthz/ready")).status_code == 200
        readiness.check("envoy", lambda: "it is away")
        assert (await http.get("/healthz/ready")).status_code == 503
        for path in ("/metrics", "/version", "/joined"):
            assert (await http.get(path)).status_code == 404
