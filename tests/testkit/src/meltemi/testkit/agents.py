"""Settings of an agent for tests, and an agent in the test's own process."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2

from meltemi.proxy.assembly import Agent
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import Address
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.identity.credential import Credential
    from meltemi.testkit.plane import Plane

NOWHERE = Address("127.0.0.1", 1)


def local(port: int | None = None) -> Address:
    """Return a loopback address, on a free port unless one is given."""
    return Address("127.0.0.1", port or free_port())


def agent_settings(directory: Path, **given: object) -> AgentSettings:
    """Return settings of reviews-v1 in ``directory``; ``given`` wins."""
    usual: dict[str, object] = {
        "name": "reviews-v1",
        "service_account": "bookinfo-reviews",
        "labels": {"app": "reviews", "version": "v1"},
        "citadel_bootstrap": NOWHERE,
        "citadel_renewal": NOWHERE,
        "root_cert_file": directory / "root-cert.pem",
        "token_file": directory / "token",
        "pilots": (NOWHERE,),
        "pilots_plaintext": True,
        "run_dir": directory / "run",
        "admin_address": NOWHERE,
        "status_address": NOWHERE,
        "concurrency": 1,
        "drain_seconds": 0.5,
    }
    return AgentSettings.model_validate(usual | given)


async def member_settings(
    mesh: Plane, directory: Path, **given: object
) -> AgentSettings:
    """Return settings of an agent that joins ``mesh``, over TLS."""
    (directory / "token").write_text(await mesh.office.token())
    usual: dict[str, object] = {
        "citadel_bootstrap": mesh.office.settings.bootstrap_address,
        "citadel_renewal": mesh.office.settings.renewal_address,
        "root_cert_file": mesh.office.settings.state_dir / "root-cert.pem",
        "pilots": (mesh.pilot,),
        "pilots_plaintext": False,
        "admin_address": local(),
        "status_address": local(),
    }
    return agent_settings(directory, **(usual | given))


@asynccontextmanager
async def running_agent(settings: AgentSettings) -> AsyncIterator[Agent]:
    """Run an agent and its Envoy while the context lasts."""
    agent, stopping = Agent(settings), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.run(stopping))
        try:
            yield agent
        finally:
            stopping.set()


def client_context(directory: Path, credential: Credential) -> ssl.SSLContext:
    """Return a TLS client that shows ``credential`` and believes its roots."""
    pair = directory / "client.pem"
    pair.write_text(credential.key_pem + credential.chain_pem)
    context = ssl.create_default_context(cadata=credential.roots_pem)
    context.load_cert_chain(pair)
    context.check_hostname = False  # workloads are named by URI, not by host
    return context


async def fetch(address: Address, context: ssl.SSLContext) -> str:
    """Return what the mTLS server at ``address`` answers."""
    async with httpx2.AsyncClient(verify=context, trust_env=False) as http:
        answer = await http.get(f"https://{address}/")
    answer.raise_for_status()
    return answer.text
