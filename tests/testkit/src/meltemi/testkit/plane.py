"""A whole control plane in the test's process, on a real etcd and a real NATS server."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import grpc
import httpx2
import yaml

from meltemi.bus.nats import NatsBus
from meltemi.config.kinds import KIND_BY_NAME
from meltemi.galley.service import GalleyService
from meltemi.galley.settings import GalleySettings
from meltemi.kernel.clock import SystemClock
from meltemi.pilot.__main__ import OPTIONS
from meltemi.pilot.service import Pilot
from meltemi.pilot.settings import PilotSettings
from meltemi.pilot.upstream import Upstream
from meltemi.runtime.settings import Address, read_settings
from meltemi.store.etcd import EtcdLedger
from meltemi.testkit.citadels import Citadel, answers, citadel
from meltemi.testkit.processes import etcd_server, free_port, nats_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path


@dataclass
class Plane:
    """Where its services are."""

    office: Citadel
    galley: httpx2.AsyncClient
    """Speaks as the administrator."""
    pilot: Address
    """Where who comes with a certificate is served."""
    pilot_plain: Address
    pilot_http: Address
    etcd: str

    async def apply(self, text: str) -> None:
        """Put every object of ``text``."""
        for found in yaml.safe_load_all(text):
            if found:
                answer = await self.galley.put(path(found), json=found)
                assert answer.is_success, answer.text

    async def status(self, kind: str, name: str, namespace: str = "default") -> Any:
        """Return the conditions of an object, by their type."""
        found = {"kind": kind, "metadata": {"name": name, "namespace": namespace}}
        answer = await self.galley.get(path(found))
        assert answer.is_success, answer.text
        return {each["type"]: each for each in answer.json()["status"]["conditions"]}


def path(found: Mapping[str, Any]) -> str:
    """Return where an object is in the API."""
    kind = KIND_BY_NAME[found["kind"]]
    metadata = found["metadata"]
    namespace = metadata.get("namespace", "default")
    group = f"/apis/{kind.api_version}/namespaces/{namespace}"
    return f"{group}/{kind.plural}/{metadata['name']}"


@dataclass(frozen=True)
class Backbone:
    """What a plane stands on, and what outlives it."""

    etcd: str
    nats: str

    @property
    def settings(self) -> dict[str, str]:
        return {"ETCD_ENDPOINTS": self.etcd, "NATS_URL": self.nats}


@dataclass(frozen=True)
class Told:
    """More settings of the services, and what their mesh is called."""

    galley: Mapping[str, str] = field(default_factory=dict)
    pilot: Mapping[str, str] = field(default_factory=dict)
    trust_domain: str = "cluster.local"


@contextlib.asynccontextmanager
async def plane(
    directory: Path,
    galley: Mapping[str, str] | None = None,
    pilot: Mapping[str, str] | None = None,
) -> AsyncIterator[Plane]:
    """Run it while the context lasts; ``galley`` and ``pilot`` are more settings."""
    with backbone() as where:
        told = Told(galley or {}, pilot or {})
        async with plane_on(where, directory, told) as made:
            yield made


@contextlib.contextmanager
def backbone() -> Iterator[Backbone]:
    """Run etcd and NATS while the context lasts."""
    with etcd_server() as etcd, nats_server() as nats:
        yield Backbone(etcd.address, nats.url)


@contextlib.asynccontextmanager
async def plane_on(
    where: Backbone, directory: Path, told: Told
) -> AsyncIterator[Plane]:
    """Run the services of ``directory`` while the context lasts."""
    stopping = asyncio.Event()
    around = {**where.settings, "TRUST_DOMAIN": told.trust_domain}
    for_galley = _galley(directory, around, told.galley)
    clock, rng = SystemClock(), Random(1)  # noqa: S311 - it spreads load
    async with (
        for_galley.tracing("galley", for_galley.name, clock) as spans,
        EtcdLedger([where.etcd]) as ledger,
        NatsBus(where.nats, name="test") as bus,
        citadel(directory, ledger, trust_domain=told.trust_domain) as office,
        contextlib.AsyncExitStack() as stack,
        asyncio.TaskGroup() as tasks,
        httpx2.AsyncClient(
            base_url=f"http://{for_galley.http_address}",
            headers={"Authorization": "Bearer secret"},
            trust_env=False,
        ) as client,
    ):
        service = GalleyService(for_galley, ledger, bus, clock, spans)
        tasks.create_task(service.run(stopping))
        joining = await _joining(directory, office)
        for_pilot = _pilot({**around, **joining}, told.pilot)
        upstream = Upstream(ledger, bus, ledger)
        telling = for_pilot.tracing("pilot", for_pilot.name, clock)
        pushes = await stack.enter_async_context(telling)
        made = Pilot(for_pilot, upstream, clock, rng, pushes)
        running = made.run(lambda: grpc.aio.server(options=OPTIONS), stopping)
        tasks.create_task(running)
        await _ready(client, for_pilot.http_address)
        plain, views = for_pilot.xds_address, for_pilot.http_address
        secure = for_pilot.xds_tls_address or plain
        try:
            yield Plane(office, client, secure, plain, views, where.etcd)
        finally:
            stopping.set()


def _galley(
    directory: Path, around: Mapping[str, str], more: Mapping[str, str]
) -> GalleySettings:
    token = directory / "admin-token"
    token.write_text("secret\n")
    told = {"HTTP_ADDRESS": f"127.0.0.1:{free_port()}", "ADMIN_TOKEN_FILE": str(token)}
    return read_settings(
        GalleySettings, {**_prefixed("GALLEY_", {**around, **told}), **more}
    )


async def _joining(directory: Path, office: Citadel) -> dict[str, str]:
    """Return how a Pilot gets its certificate."""
    token = directory / "pilot-token"
    token.write_text(await office.token("pilot", namespace="istio-system"))
    return {
        "CITADEL_BOOTSTRAP": str(office.settings.bootstrap_address),
        "CITADEL_RENEWAL": str(office.settings.renewal_address),
        "ROOT_CERT_FILE": str(office.settings.state_dir / "root-cert.pem"),
        "TOKEN_FILE": str(token),
        "RUN_DIR": str(directory / "pilot"),
    }


def _pilot(around: Mapping[str, str], more: Mapping[str, str]) -> PilotSettings:
    names = ("XDS_ADDRESS", "XDS_TLS_ADDRESS", "HTTP_ADDRESS")
    told = {name: f"127.0.0.1:{free_port()}" for name in names}
    return read_settings(
        PilotSettings, {**_prefixed("PILOT_", {**around, **told}), **more}
    )


async def _ready(galley: httpx2.AsyncClient, pilot: Address) -> None:
    url = f"http://{pilot}"
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
        await answers(galley)
        await answers(client)


def _prefixed(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    return {prefix + name: value for name, value in values.items()}
