from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx2
import pytest
from spiffe import WorkloadApiClient

from meltemi.identity.certificate import spiffe_id
from meltemi.proxy.settings import Explicit
from meltemi.testkit import envoy_config
from meltemi.testkit.agents import (
    agent_settings,
    client_context,
    fetch,
    local,
    running_agent,
)
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.citadels import citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.fakes.pilot import FakePilot
from meltemi.testkit.processes import accepts
from meltemi.testkit.shop import open_shop
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.proxy.settings import AgentSettings
    from meltemi.runtime.settings import Address
    from meltemi.testkit.citadels import Citadel

pytestmark = pytest.mark.system


def pilot_with(inbound: Address, text: str = "one") -> FakePilot:
    pilot = FakePilot(str(local()))
    pilot.publish("web-backend", envoy_config.cluster("web-backend"))
    pilot.publish("web-backend", envoy_config.endpoints("web-backend", 9))
    pilot.publish("in", envoy_config.listener(inbound.port))
    pilot.publish("web", envoy_config.route(text))
    return pilot


async def settings_for(
    directory: Path, office: Citadel, *pilots: FakePilot, **given: object
) -> AgentSettings:
    (directory / "token").write_text(await office.token())
    return agent_settings(
        directory,
        citadel_bootstrap=office.settings.bootstrap_address,
        citadel_renewal=office.settings.renewal_address,
        root_cert_file=office.settings.state_dir / "root-cert.pem",
        pilots=",".join(pilot.address for pilot in pilots),
        admin_address=local(),
        status_address=local(),
        explicit=Explicit(),
        **given,
    )


def token_of(address: str) -> str:
    with WorkloadApiClient(address) as client:
        svid = client.fetch_jwt_svid(audience={"payments"})
        checked = client.validate_jwt_svid(svid.token, audience="payments")
    return str(checked.spiffe_id)


async def readiness(settings: AgentSettings) -> tuple[int, str]:
    return await asked(settings.status_address, "/healthz/ready")


async def asked(address: Address, path: str) -> tuple[int, str]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://{address}{path}")
    return answer.status_code, answer.text


async def test_envoy_serves_mtls_with_the_certificate_its_agent_got(
    tmp_path: Path,
) -> None:
    inbound = local()
    pilot = pilot_with(inbound)
    async with citadel(tmp_path, MemoryLedger()) as office, pilot.serving():
        settings = await settings_for(tmp_path, office, pilot)
        client = client_context(tmp_path, await office.join())
        async with running_agent(settings) as agent:
            await until(lambda: agent.envoy.trouble() is None)
            assert await readiness(settings) == (200, "ok\n")
            assert await fetch(inbound, client) == "one"
            assert agent.keeper.held
            assert spiffe_id(agent.keeper.held.leaf) == REVIEWS
            address = f"unix://{settings.sds_socket}"
            told = await asyncio.to_thread(token_of, address)
            assert told == str(REVIEWS), "its application has a token of its own"
    assert not accepts(settings.admin_address.port), "Envoy went with its agent"


async def test_an_agent_answers_balancers_scrapers_and_kubelet(tmp_path: Path) -> None:
    """Istio's ports 15020 and 15021."""
    inbound, ready = local(), local()
    pilot = pilot_with(inbound)
    async with citadel(tmp_path, MemoryLedger()) as office, pilot.serving():
        with open_shop() as shop:
            port = shop.server_port
            probe = {"httpGet": {"path": "/health", "port": port}}
            settings = await settings_for(
                tmp_path,
                office,
                pilot,
                ready_address=ready,
                app_metrics=f"http://127.0.0.1:{port}/metrics",
                app_probes={"/app-health/web/readyz": probe},
            )
            async with running_agent(settings) as agent:
                await until(lambda: agent.envoy.trouble() is None)
                assert await asked(ready, "/healthz/ready") == (200, "ok\n")
                assert (await asked(ready, "/metrics"))[0] == 404
                _, text = await asked(settings.status_address, "/metrics")
                for name in (
                    "envoy_server_live",
                    "meltemi_agent_envoy_starts_total",
                    "shop_orders_total",
                ):
                    assert f"\n{name}" in text
                path = "/app-health/web/readyz"
                assert (await asked(settings.status_address, path))[0] == 200
                shop.well = False
                assert (await asked(settings.status_address, path))[0] == 503


async def test_an_envoy_that_dies_is_back_while_every_other_service_is_dead(
    tmp_path: Path,
) -> None:
    """F-42 and F-43: restart with only the agent's own disk and memory."""
    inbound = local()
    pilot = pilot_with(inbound)
    async with citadel(tmp_path, MemoryLedger()) as office:
        settings = await settings_for(tmp_path, office, pilot)
        client = client_context(tmp_path, await office.join())
        async with pilot.serving(), running_agent(settings) as agent:
            await until(lambda: agent.envoy.trouble() is None)
            await until((settings.run_dir / "xds.checkpoint").exists)
            await until(lambda: not agent.checkpoint.changed.is_set())

    async with running_agent(settings) as agent:
        await until(lambda: agent.envoy.trouble() is None)
        assert await fetch(inbound, client) == "one"
        for _ in range(3):
            assert agent.envoy._process
            died = agent.envoy._process.pid
            os.kill(died, 9)
            await until(lambda: agent.envoy.trouble() is not None)
            await until(lambda: agent.envoy.trouble() is None)
            assert await fetch(inbound, client) == "one"

        pilot.publish("web", envoy_config.route("two"))
        pilot.requests.clear()
        pilot.sent.clear()
        async with pilot.serving():
            await until(lambda: "web" in pilot.sent)
            assert pilot.sent == ["web"], "only the difference travels"
            held = {
                name
                for request in pilot.requests
                for name in request.initial_resource_versions
            }
            assert held == {"web-backend", "in", "web"}


async def test_a_dead_pilot_is_replaced_by_the_other_one(tmp_path: Path) -> None:
    inbound = local()
    pilots = [pilot_with(inbound), pilot_with(inbound)]
    async with citadel(tmp_path, MemoryLedger()) as office:
        settings = await settings_for(tmp_path, office, *pilots)
        async with running_agent(settings) as agent:
            async with pilots[0].serving():
                await until(lambda: agent.envoy.trouble() is None)
            for pilot in pilots:
                pilot.requests.clear()
            async with pilots[1].serving():
                await until(lambda: bool(pilots[1].requests))
                assert pilots[1].requests[0].initial_resource_versions
                pilots[1].publish("web", envoy_config.route("two"))
                await until(lambda: pilots[1].sent == ["web"])


async def test_a_renewed_certificate_reaches_envoy_without_a_restart(
    tmp_path: Path,
) -> None:
    inbound = local()
    pilot = pilot_with(inbound)
    short = timedelta(seconds=8)
    async with (
        citadel(tmp_path, MemoryLedger(), workload_ttl=short) as office,
        pilot.serving(),
    ):
        settings = await settings_for(tmp_path, office, pilot)
        client = client_context(tmp_path, await office.join())
        async with running_agent(settings) as agent:
            await until(lambda: agent.envoy.trouble() is None)
            first = agent.keeper.held
            (tmp_path / "token").unlink()
            await until(lambda: agent.keeper.held is not first)
            second = agent.keeper.held
            assert await fetch(inbound, client) == "one"
            assert agent.keeper.held is second, "and not at once again"
