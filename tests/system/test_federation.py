"""Workloads of another mesh, believed for their own trust domain, by a real Envoy."""

from __future__ import annotations

import contextlib
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from meltemi.identity.certificate import certificate_pem
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.proxy.settings import Explicit
from meltemi.testkit.agents import agent_settings, local, running_agent
from meltemi.testkit.authority import RATINGS, authority, credential
from meltemi.testkit.bundles import bundle
from meltemi.testkit.https_site import answer, https_site
from meltemi.testkit.mutual_call import status_of
from meltemi.testkit.pair import WORKLOAD
from meltemi.testkit.plane import plane
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.identity.credential import Credential
    from meltemi.proxy.assembly import Agent
    from meltemi.runtime.settings import Address
    from meltemi.testkit.https_site import Site
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


def believing_url(url: str, *domains: str) -> str:
    """Return a MeshConfig that has ``domains`` speak through what ``url`` publishes."""
    names = ", ".join(domains)
    entry = f"{{spiffeBundleUrl: '{url}', trustDomains: [{names}]}}"
    return f"{MESH}  caCertificates: [{entry}]\n"


def believing(pem: str, *domains: str) -> str:
    """Return a MeshConfig that has ``domains`` speak through the roots in ``pem``."""
    names = ", ".join(domains)
    block = textwrap.indent(pem, " " * 6)
    return f"{MESH}  caCertificates:\n  - pem: |\n{block}    trustDomains: [{names}]\n"


@contextlib.asynccontextmanager
async def mesh_and_envoy(
    folder: Path, inbound: Address, galley: dict[str, str]
) -> AsyncIterator[tuple[Plane, Agent]]:
    async with plane(folder, galley) as mesh:
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


def fetching(folder: Path, site: Site) -> dict[str, str]:
    """Return settings of a Galley that fetches from ``site``, every second."""
    roots = folder / "site.pem"
    roots.write_text(site.roots)
    return {
        "GALLEY_KEYS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "GALLEY_KEYS_CA_FILE": str(roots),
        "GALLEY_KEYS_REFRESH": "1",
    }


LET_IN = 503
"""Nobody is behind the Envoy: whoever it lets in finds that out."""


@dataclass(frozen=True)
class Door:
    """The workload's inbound port, seen from outside."""

    inbound: Address
    folder: Path

    async def answers(self, shown: Credential, wanted: int) -> bool:
        """Tell whether who shows ``shown`` gets ``wanted``; 0: is not let in."""
        found = await status_of(self.inbound, shown, self.folder, sni=SNI)
        return found == wanted


THEIRS = credential(CART, now=NOW, signer=PARTNER)
MINTED = credential(RATINGS, now=NOW, signer=PARTNER)
"""A name of ours, by their root."""


async def test_another_mesh_speaks_for_its_own_trust_domain_and_for_no_other(
    tmp_path: Path,
) -> None:
    door = Door(local(), tmp_path)
    async with mesh_and_envoy(tmp_path, door.inbound, {}) as (mesh, agent):
        ours = await mesh.office.join("bookinfo-ratings")
        await eventually(lambda: door.answers(ours, LET_IN))
        assert await door.answers(THEIRS, 0), "a stranger"

        pem = certificate_pem(PARTNER.certificate)
        await mesh.apply(believing(pem, "partner.example"))
        await eventually(lambda: door.answers(THEIRS, LET_IN))
        assert await door.answers(ours, LET_IN)
        assert await door.answers(MINTED, 0)
        assert agent.keeper.held
        assert [each.trust_domain for each in agent.keeper.held.federation.foreign] == [
            "partner.example"
        ]

        await mesh.apply(MESH)
        await eventually(lambda: door.answers(THEIRS, 0))
        assert await door.answers(ours, LET_IN)


async def test_what_its_endpoint_publishes_is_fetched_and_the_last_good_serves(
    tmp_path: Path,
) -> None:
    door = Door(local(), tmp_path)
    async with (
        https_site() as site,
        mesh_and_envoy(tmp_path, door.inbound, fetching(tmp_path, site)) as (mesh, _),
    ):
        site.pages["/bundle"] = answer(bundle(PARTNER))
        await mesh.apply(believing_url(site.url("/bundle"), "partner.example"))
        await eventually(lambda: door.answers(THEIRS, LET_IN))
        assert await door.answers(MINTED, 0)

        site.pages["/bundle"] = answer("<html>", "text/html")
        await eventually(lambda: stands(mesh, "LastGood"))
        assert await door.answers(THEIRS, LET_IN)


async def stands(mesh: Plane, wanted: str) -> bool:
    """Tell whether the fetched bundles stand as ``wanted``."""
    found = await mesh.status("MeshConfig", "default", "istio-system")
    return bool(found["BundlesFetched"]["reason"] == wanted)
