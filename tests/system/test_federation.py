"""Workloads of another mesh, believed for their own trust domain, by a real Envoy."""

from __future__ import annotations

import contextlib
import textwrap
from typing import TYPE_CHECKING

import pytest

from meltemi.identity.certificate import certificate_pem
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.proxy.settings import Explicit
from meltemi.testkit.agents import agent_settings, local, running_agent
from meltemi.testkit.authority import RATINGS, authority, credential
from meltemi.testkit.mutual_call import status_of
from meltemi.testkit.pair import WORKLOAD
from meltemi.testkit.plane import plane
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from meltemi.identity.credential import Credential
    from meltemi.proxy.assembly import Agent
    from meltemi.runtime.settings import Address
    from meltemi.testkit.plane import Plane

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

NOW = SystemClock().now()
PARTNER = authority("partner.example", now=NOW)
CART = SpiffeId("partner.example", Namespace("shop"), "cart")
SNI = "outbound_.9080_._.reviews.default.svc.cluster.local"
POLICY = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reviews, namespace: default}
spec:
  rules:
  - from:
    - source:
        principals:
        - partner.example/ns/shop/sa/cart
        - cluster.local/ns/default/sa/bookinfo-ratings
"""
MESH = """
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {name: default, namespace: istio-system}
spec:
  enableTracing: true
"""


def believing(pem: str, *domains: str) -> str:
    """Return a MeshConfig that has ``domains`` speak through the roots in ``pem``."""
    names = ", ".join(domains)
    block = textwrap.indent(pem, " " * 6)
    return f"{MESH}  caCertificates:\n  - pem: |\n{block}    trustDomains: [{names}]\n"


@contextlib.asynccontextmanager
async def mesh_and_envoy(
    folder: Path, inbound: Address
) -> AsyncIterator[tuple[Plane, Agent]]:
    async with plane(folder) as mesh:
        await mesh.apply(WORKLOAD.format(inbound=inbound.port, mode="STRICT") + POLICY)
        (folder / "token").write_text(await mesh.office.token())
        office = mesh.office.settings
        settings = agent_settings(
            folder,
            citadel_bootstrap=office.bootstrap_address,
            citadel_renewal=office.renewal_address,
            root_cert_file=office.state_dir / "root-cert.pem",
            pilots=(mesh.pilot,),
            pilots_plaintext=False,
            admin_address=local(),
            status_address=local(),
            explicit=Explicit(inbound=inbound, apps={"9080": local()}),
        )
        async with running_agent(settings) as agent:
            await until(lambda: agent.envoy.trouble() is None)
            yield mesh, agent


LET_IN = 503
"""Nobody is behind the Envoy: whoever it lets in finds that out."""


async def test_another_mesh_speaks_for_its_own_trust_domain_and_for_no_other(
    tmp_path: Path,
) -> None:
    inbound = local()
    theirs = credential(CART, now=NOW, signer=PARTNER)
    minted = credential(RATINGS, now=NOW, signer=PARTNER)

    def becomes(shown: Credential, wanted: int) -> Callable[[], Awaitable[bool]]:
        async def there() -> bool:
            return await status_of(inbound, shown, tmp_path, sni=SNI) == wanted

        return there

    async with mesh_and_envoy(tmp_path, inbound) as (mesh, agent):
        ours = await mesh.office.join("bookinfo-ratings")
        await eventually(becomes(ours, LET_IN))
        assert await becomes(theirs, 0)(), "a stranger"

        pem = certificate_pem(PARTNER.certificate)
        await mesh.apply(believing(pem, "partner.example"))
        await eventually(becomes(theirs, LET_IN))
        assert await becomes(ours, LET_IN)()
        assert await becomes(minted, 0)(), "their root mints a name of ours"
        assert agent.keeper.held
        assert [each.trust_domain for each in agent.keeper.held.federation.foreign] == [
            "partner.example"
        ]

        await mesh.apply(MESH)
        await eventually(becomes(theirs, 0))
        assert await becomes(ours, LET_IN)()
