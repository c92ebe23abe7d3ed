"""A ProxyConfig in Galley is what a real Envoy starts with, also without Galley."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.kernel.clock import SystemClock
from meltemi.testkit.agents import local
from meltemi.testkit.citadels import citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.galleys import Api, galley_api, listening
from meltemi.testkit.processes import Program, python

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.runtime.settings import Address
    from meltemi.testkit.citadels import Citadel

pytestmark = pytest.mark.system
PROXY = """\
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: reviews}
spec:
  selector: {matchLabels: {app: reviews}}
  concurrency: 3
  environmentVariables: {ISTIO_META_COLOUR: blue}
"""
URL = "/apis/networking.istio.io/v1beta1/namespaces/default/proxyconfigs/reviews"


def environ(folder: Path, office: Citadel, galley: Address) -> dict[str, str]:
    """Return an agent's variables; no Pilot is there, nor needed."""
    return {
        "PATH": os.defpath,
        "AGENT_NAME": "reviews-v1",
        "AGENT_SERVICE_ACCOUNT": "bookinfo-reviews",
        "AGENT_LABELS": json.dumps({"app": "reviews"}),
        "AGENT_CITADEL_BOOTSTRAP": str(office.settings.bootstrap_address),
        "AGENT_CITADEL_RENEWAL": str(office.settings.renewal_address),
        "AGENT_ROOT_CERT_FILE": str(office.settings.state_dir / "root-cert.pem"),
        "AGENT_TOKEN_FILE": str(folder / "token"),
        "AGENT_PILOTS": str(local()),
        "AGENT_PILOTS_PLAINTEXT": "true",
        "AGENT_GALLEY_URL": f"http://{galley}",
        "AGENT_RUN_DIR": str(folder / "run"),
        "AGENT_ADMIN_ADDRESS": str(local()),
        "AGENT_STATUS_ADDRESS": str(local()),
        "AGENT_DRAIN_SECONDS": "0",
    }


@contextlib.asynccontextmanager
async def envoy(folder: Path, variables: dict[str, str]) -> AsyncIterator[httpx2.URL]:
    """Run an agent until its Envoy answers; yield where."""
    admin = httpx2.URL(f"http://{variables['AGENT_ADMIN_ADDRESS']}")

    def answers() -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(admin.join("/server_info"), trust_env=False).is_success
        return False

    argv = python("meltemi.proxy")
    agent = Program(argv, answers, folder / "agent.log", variables)
    try:
        await asyncio.to_thread(agent.start)
        yield admin
    finally:
        await asyncio.to_thread(agent.kill)


async def started_with(admin: httpx2.URL) -> tuple[int, object]:
    """Return an Envoy's workers, and what its node says of the colour."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        found = (await http.get(admin.join("/server_info"))).json()
    colour = found["node"]["metadata"].get("COLOUR")
    return found["command_line_options"]["concurrency"], colour


@contextlib.asynccontextmanager
async def mesh(folder: Path) -> AsyncIterator[tuple[Citadel, Api]]:
    for each in ("citadel", "galley"):
        (folder / each).mkdir()
    async with citadel(folder / "citadel", MemoryLedger()) as office:
        roots = office.settings.state_dir / "root-cert.pem"
        believed = {"GALLEY_TRUST_BUNDLE_FILE": str(roots)}
        async with galley_api(
            folder / "galley", believed, now=SystemClock().now()
        ) as api:
            (folder / "token").write_text(await office.token())
            yield office, api


async def test_an_envoy_starts_with_what_a_proxyconfig_says_and_keeps_it(
    tmp_path: Path,
) -> None:
    async with mesh(tmp_path) as (office, api):
        async with listening(api.app) as galley:
            variables = environ(tmp_path, office, galley)
            async with envoy(tmp_path, variables) as admin:
                assert await started_with(admin) == (2, None)
            yaml = {"Content-Type": "application/yaml"}
            written = await api.client.put(URL, content=PROXY, headers=yaml)
            assert written.status_code == 201, written.text
            async with envoy(tmp_path, variables) as admin:
                assert await started_with(admin) == (3, "blue")
        async with envoy(tmp_path, variables) as admin:  # Galley is away
            assert await started_with(admin) == (3, "blue")
        own = variables | {"AGENT_CONCURRENCY": "1"}
        async with envoy(tmp_path, own) as admin:
            assert await started_with(admin) == (1, "blue")
