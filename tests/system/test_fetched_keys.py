"""Tokens of an issuer whose keys Galley fetches, verified by a real Envoy."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.proxy.settings import Explicit
from meltemi.testkit.agents import local, member_settings, running_agent
from meltemi.testkit.https_site import answer, https_site
from meltemi.testkit.pair import WORKLOAD
from meltemi.testkit.plane import plane
from meltemi.testkit.tokens import key_set, signed
from meltemi.testkit.waiting import POLL_SECONDS, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.proxy.assembly import Agent
    from meltemi.proxy.settings import AgentSettings
    from meltemi.runtime.settings import Address
    from meltemi.testkit.https_site import Site
    from meltemi.testkit.plane import Plane

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

ISSUER = "https://issuer.example"
TOKENS = """
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens}}
spec: {{jwtRules: [{{issuer: {issuer}, jwksUri: '{uri}'}}]}}
"""


SECOND = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: second}}
spec: {{jwtRules: [{{issuer: {issuer}, jwks: '{keys}'}}]}}
"""


async def status(inbound: Address, number: int) -> int:
    token = signed({"iss": ISSUER, "sub": "me"}, number=number)
    async with httpx2.AsyncClient(trust_env=False) as client:
        answered = await client.get(
            f"http://{inbound}/", headers={"authorization": f"Bearer {token}"}
        )
    return answered.status_code


async def becomes(inbound: Address, number: int, wanted: int) -> None:
    async with asyncio.timeout(20):
        while await status(inbound, number) != wanted:  # noqa: ASYNC110 - no event
            await asyncio.sleep(POLL_SECONDS)


async def keys_become(mesh: Plane, wanted: str) -> None:
    async with asyncio.timeout(20):
        while True:
            found = await mesh.status("RequestAuthentication", "tokens")
            if found["KeysFetched"]["reason"] == wanted:
                return
            await asyncio.sleep(POLL_SECONDS)


async def agent_of(mesh: Plane, folder: Path, explicit: Explicit) -> AgentSettings:
    return await member_settings(mesh, folder, explicit=explicit)


@contextlib.asynccontextmanager
async def started(
    folder: Path, site: Site, inbound: Address
) -> AsyncIterator[tuple[Plane, Agent]]:
    roots = folder / "issuer.pem"
    roots.write_text(site.roots)
    galley = {
        "GALLEY_KEYS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "GALLEY_KEYS_CA_FILE": str(roots),
        "GALLEY_KEYS_REFRESH": "1",
    }
    async with plane(folder, galley) as mesh:
        await mesh.apply(workload(inbound, site.url("/absent")))
        explicit = Explicit(inbound=inbound, apps={"9080": local()})
        settings = await agent_of(mesh, folder, explicit)
        async with running_agent(settings) as agent:
            await until(lambda: agent.envoy.trouble() is None)
            yield mesh, agent


def workload(inbound: Address, uri: str) -> str:
    objects = WORKLOAD.format(inbound=inbound.port, mode="PERMISSIVE")
    return objects + TOKENS.format(issuer=ISSUER, uri=uri)


async def test_cases_46_to_48_keys_come_rotate_and_outlive_their_issuer(
    tmp_path: Path,
) -> None:
    inbound = local()
    async with https_site() as site, started(tmp_path, site, inbound) as (mesh, _):
        assert await status(inbound, 0) == 401, "no keys yet: closed"
        await keys_become(mesh, "NoKeys")

        site.pages["/keys"] = answer(key_set())
        await mesh.apply(workload(inbound, site.url("/keys")))
        await becomes(inbound, 0, 503)  # let in; nobody is behind it

        site.pages["/keys"] = answer(key_set(1))
        await becomes(inbound, 1, 503)
        assert await status(inbound, 0) == 401, "the key was withdrawn"

        site.pages["/keys"] = answer("<html>", "text/html")
        await keys_become(mesh, "LastGood")
        assert await status(inbound, 1) == 503, "the last good keys serve"
        assert await status(inbound, 0) == 401

        # Case 48: another rule for the same issuer, with another key.
        await mesh.apply(SECOND.format(issuer=ISSUER, keys=key_set(2)))
        await becomes(inbound, 2, 503)
        assert await status(inbound, 1) == 503, "a token of either passes"
        assert await status(inbound, 0) == 401, "and of neither does not"
