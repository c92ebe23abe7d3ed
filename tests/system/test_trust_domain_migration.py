"""A mesh that was old.example becomes new.example, with real Envoys in either name."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.identity.certificate import spiffe_id
from meltemi.proxy.settings import Explicit
from meltemi.testkit.agents import agent_settings, local, running_agent
from meltemi.testkit.former_names import mesh_config
from meltemi.testkit.plane import Told, backbone, plane_on
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.proxy.assembly import Agent
    from meltemi.proxy.settings import AgentSettings
    from meltemi.runtime.settings import Address
    from meltemi.testkit.plane import Plane

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""
SERVICE = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{name}.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 9080, name: http, protocol: HTTP}}]
  workloadSelector: {{labels: {{app: {name}}}}}
"""
POLICY = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: default}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  rules: [{{from: [{{source: {{principals: ['{caller}']}}}}]}}]
"""


def policy(name: str, domain: str, caller: str) -> str:
    principal = f"{domain}/ns/default/sa/bookinfo-{caller}"
    return POLICY.format(name=name, caller=principal)


@dataclass(frozen=True)
class Side:
    """One workload: where it is reached, and where it calls the other."""

    name: str
    folder: Path
    inbound: Address
    outbound: Address
    app: Address

    @property
    def service(self) -> str:
        return SERVICE.format(name=self.name)

    async def settings(self, mesh: Plane, domain: str, other: str) -> AgentSettings:
        """Return its agent's; ``other`` is the service that it calls."""
        host = f"{other}.default.svc.cluster.local:9080"
        office = mesh.office.settings
        return agent_settings(
            self.folder,
            name=self.name,
            service_account=f"bookinfo-{self.name}",
            labels={"app": self.name, "version": "v1"},
            trust_domain=domain,
            citadel_bootstrap=office.bootstrap_address,
            citadel_renewal=office.renewal_address,
            root_cert_file=office.state_dir / "root-cert.pem",
            pilots=(mesh.pilot,),
            pilots_plaintext=False,
            galley_url=str(mesh.galley.base_url).rstrip("/"),
            entry_ports={"http": self.inbound.port},
            admin_address=local(),
            status_address=local(),
            explicit=Explicit(
                inbound=self.inbound,
                apps={"9080": self.app},
                outbound={host: self.outbound},
            ),
        )

    async def calls(self) -> int:
        """Return the status of a call to the other side; 0: there is no listener."""
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            try:
                return (await client.get(f"http://{self.outbound}/")).status_code
            except httpx2.TransportError:
                return 0

    async def gets(self, wanted: int) -> None:
        async def got() -> bool:
            return await self.calls() == wanted

        await eventually(got)


@contextlib.asynccontextmanager
async def sides(folder: Path) -> AsyncIterator[tuple[Side, Side]]:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    app = local()
    made = [
        Side(name, folder / name, local(), local(), app)
        for name in ("reviews", "ratings")
    ]
    for each in made:
        each.folder.mkdir()
    async with await asyncio.start_server(answer, app.host, app.port):
        yield made[0], made[1]


async def joined(mesh: Plane, side: Side, other: Side) -> None:
    """Have the agent of ``side`` get its first certificate, and leave."""
    token = await mesh.office.token(f"bookinfo-{side.name}")
    (side.folder / "token").write_text(token)
    settings = await side.settings(mesh, "old.example", other.name)
    async with running_agent(settings) as agent:
        await agent.keeper.arrived.wait()
    (side.folder / "token").unlink()


def name_of(agent: Agent) -> str:
    assert agent.keeper.held
    return str(spiffe_id(agent.keeper.held.leaf))


async def test_two_envoys_one_still_with_the_old_name_call_each_other_both_ways(
    tmp_path: Path,
) -> None:
    with backbone() as where:
        async with sides(tmp_path) as (reviews, ratings):
            bundle = str(tmp_path / "state" / "root-cert.pem")
            galley = {"GALLEY_TRUST_BUNDLE_FILE": bundle}
            old = Told(galley, trust_domain="old.example")
            async with plane_on(where, tmp_path, old) as mesh:
                await mesh.apply(STRICT + reviews.service + ratings.service)
                await joined(mesh, reviews, ratings)
                await joined(mesh, ratings, reviews)
                await mesh.apply(mesh_config("old.example"))
            new = Told(galley, trust_domain="new.example")
            async with plane_on(where, tmp_path, new) as mesh:
                await mesh.apply(
                    policy("reviews", "old.example", "ratings")
                    + policy("ratings", "new.example", "reviews")
                )
                await calling_both_ways(mesh, reviews, ratings)


async def calling_both_ways(mesh: Plane, reviews: Side, ratings: Side) -> None:
    stays = await reviews.settings(mesh, "old.example", "ratings")
    moves = await ratings.settings(mesh, "new.example", "reviews")
    async with running_agent(stays) as one, running_agent(moves) as two:
        await until(lambda: one.envoy.trouble() is None)
        await until(lambda: two.envoy.trouble() is None)
        account = "/ns/default/sa/bookinfo-"
        assert name_of(one) == f"spiffe://old.example{account}reviews"
        assert name_of(two) == f"spiffe://new.example{account}ratings", "no new token"
        await reviews.gets(200)
        await ratings.gets(200)

        await mesh.apply(policy("ratings", "new.example", "details"))
        await reviews.gets(403)
        await mesh.apply(policy("ratings", "old.example", "reviews"))
        await reviews.gets(200)

        await mesh.apply(mesh_config())
        await reviews.gets(503)  # its name is nobody's any more
