"""The port where proxies prove who they are: real Citadel, real TLS, one process."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import grpc
import httpx2
import pytest
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.credentials.mutual import secure_channel
from meltemi.identity.denials import denied_prefix, identity_key, serial_key
from meltemi.kernel.clock import SystemClock
from meltemi.pilot.service import Pilot
from meltemi.pilot.settings import Carrier, PilotSettings
from meltemi.pilot.upstream import Upstream
from meltemi.stats.edge import End
from meltemi.stats.report import METHOD, Counted, Report, decoded, encoded
from meltemi.store.ports import Write
from meltemi.testkit.agents import local
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.citadels import ADMIN, answers, citadel
from meltemi.testkit.edges import counts, edge
from meltemi.testkit.fakes.bus import MemoryBus
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.mesh import entry, resources
from meltemi.testkit.waiting import eventually
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from meltemi.identity.credential import Credential
    from meltemi.testkit.citadels import Citadel

DELTA = (
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
)
SERVICE = entry("reviews.default.svc.cluster.local", "9080 HTTP")
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"

AT_ONE_ADDRESS = "\n---\n".join(
    f"""
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {{name: {account}}}
    spec:
      hosts: [{account}.example.com]
      location: MESH_INTERNAL
      resolution: STATIC
      ports: [{{number: {port}, name: http, protocol: HTTP}}]
      endpoints: [{{address: 10.0.0.7, serviceAccount: bookinfo-{account}}}]
    """
    for account, port in (("ratings", 7070), ("reviews", 9080))
)

Call = grpc.aio.StreamStreamCall[DeltaDiscoveryRequest, DeltaDiscoveryResponse]


class Plane:
    """A Pilot that has its certificate, and a credential to come with."""

    def __init__(
        self, settings: PilotSettings, credential: Credential, ledger: MemoryLedger
    ) -> None:
        assert settings.xds_tls_address is not None
        self.address, self.plain = settings.xds_tls_address, settings.xds_address
        self.credential, self.ledger = credential, ledger
        self.views = settings.http_address

    @contextlib.asynccontextmanager
    async def stream(self, *, plain: bool = False) -> AsyncIterator[Call]:
        """Yield a stream of who holds the credential, or who proves nothing."""
        async with (
            grpc.aio.insecure_channel(str(self.plain))
            if plain
            else secure_channel(str(self.address), self.credential, "pilot")
        ) as channel:
            method: grpc.aio.StreamStreamMultiCallable[
                DeltaDiscoveryRequest, DeltaDiscoveryResponse
            ] = channel.stream_stream(
                DELTA,
                DeltaDiscoveryRequest.SerializeToString,
                DeltaDiscoveryResponse.FromString,
            )
            call = method()
            yield call
            call.cancel()


async def pilot_settings(
    directory: Path, office: Citadel, carrier: Carrier
) -> PilotSettings:
    body = {"namespace": "istio-system", "service_account": "pilot"}
    answer = await office.http.post("/v1/ca/tokens", json=body, headers=ADMIN)
    (directory / "token").write_text(str(answer.json()["token"]))
    return PilotSettings(
        transport=carrier,
        xds_address=local(),
        xds_tls_address=local(),
        http_address=local(),
        etcd_endpoints=(local(1),),
        nats_url="nats://127.0.0.1:1",
        citadel_bootstrap=office.settings.bootstrap_address,
        citadel_renewal=office.settings.renewal_address,
        root_cert_file=office.settings.state_dir / "root-cert.pem",
        token_file=directory / "token",
        run_dir=directory / "pilot",
    )


@pytest.fixture(params=Carrier)
async def plane(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Plane]:
    ledger, stopping = MemoryLedger(), asyncio.Event()
    objects = resources(SERVICE)
    await ledger.commit(
        [Write(ledger_key("default", each.key), stored(each)) for each in objects]
    )
    async with citadel(tmp_path, MemoryLedger()) as office:
        settings = await pilot_settings(tmp_path, office, request.param)
        upstream = Upstream(ledger, MemoryBus(), ledger)
        pilot = Pilot(settings, upstream, SystemClock(), Random(1))  # noqa: S311 - any will do
        options = [("grpc.so_reuseport", 0)]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                pilot.run(lambda: grpc.aio.server(options=options), stopping)
            )
            async with httpx2.AsyncClient(
                base_url=f"http://{settings.http_address}"
            ) as client:
                await answers(client)
            yield Plane(settings, await office.join(), ledger)
            stopping.set()


def hello(node_id: str, **metadata: str) -> DeltaDiscoveryRequest:
    known = {"NAMESPACE": "default", "SERVICE_ACCOUNT": "bookinfo-reviews"}
    node = Node(id=node_id)
    node.metadata.update(known | metadata)
    return DeltaDiscoveryRequest(node=node, type_url=TypeUrl.CLUSTER)


MINE = "sidecar~127.0.0.1~reviews-v1.default~default.svc.cluster.local"


async def told(call: Call) -> tuple[grpc.StatusCode, str]:
    async with asyncio.timeout(10):
        return await call.code(), str(await call.details())


async def test_a_proxy_gets_what_its_certificate_is_for(plane: Plane) -> None:
    async with plane.stream() as call, asyncio.timeout(10):
        await call.write(hello(MINE))
        answer = await call.read()
        assert isinstance(answer, DeltaDiscoveryResponse)
        assert CLUSTER in {each.name for each in answer.resources}


@pytest.mark.parametrize(
    "claim",
    [
        hello(MINE, NAMESPACE="prod"),
        hello(MINE, SERVICE_ACCOUNT="bookinfo-ratings"),
        hello("sidecar~127.0.0.1~reviews-v1.prod~prod.svc.cluster.local"),
    ],
    ids=["namespace", "account", "node-id"],
)
async def test_case_42_and_t9_the_configuration_of_another_is_not_given(
    plane: Plane, claim: DeltaDiscoveryRequest
) -> None:
    async with plane.stream() as call:
        await call.write(claim)
        code, details = await told(call)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "spiffe://cluster.local/ns/default/sa/bookinfo-reviews" in details


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        (hello(""), "has 1 parts"),
        (hello(f"sidecar~127.0.0.1~{'x' * 65_536}.default~x"), "at most 1024"),
        (hello(MINE.replace("127.0.0.1", "10.0.0.256")), "no IP address"),
        (hello(MINE, INSTANCE_IPS="10.0.0.7"), "INSTANCE_IPS of its metadata"),
    ],
    ids=["empty", "64-KiB", "no-address", "another-address"],
)
async def test_case_42_a_node_that_cannot_be_is_refused(
    plane: Plane, claim: DeltaDiscoveryRequest, why: str
) -> None:
    async with plane.stream() as call:
        await call.write(claim)
        code, details = await told(call)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert why in details
    assert len(details) < 2_000


async def test_case_42_the_address_of_another_account_gives_nothing_of_it(
    plane: Plane,
) -> None:
    entries = resources(AT_ONE_ADDRESS)
    await plane.ledger.commit(
        [Write(ledger_key("default", each.key), stored(each)) for each in entries]
    )
    async with plane.stream() as call, asyncio.timeout(10):
        await call.write(hello(MINE.replace("127.0.0.1", "10.0.0.7")))
        found: set[str] = set()
        while "inbound|9080||" not in found:
            answer = await call.read()
            assert isinstance(answer, DeltaDiscoveryResponse)
            found |= {each.name for each in answer.resources}
            await call.write(
                DeltaDiscoveryRequest(
                    type_url=answer.type_url, response_nonce=answer.nonce
                )
            )
    assert "inbound|7070||" not in found


async def test_case_42_and_t9_a_stream_that_goes_on_as_another_node_is_ended(
    plane: Plane,
) -> None:
    async with plane.stream() as call:
        await call.write(hello(MINE))
        async with asyncio.timeout(10):
            await call.read()
        await call.write(hello("sidecar~127.0.0.1~other.default~x"))
        code, details = await told(call)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "in mid-stream" in details


async def test_t12_without_a_certificate_nothing_is_said(plane: Plane) -> None:
    trust = grpc.ssl_channel_credentials(plane.credential.roots_pem.encode())
    named = (("grpc.ssl_target_name_override", "pilot"),)
    async with grpc.aio.secure_channel(str(plane.address), trust, named) as channel:
        method: grpc.aio.StreamStreamMultiCallable[
            DeltaDiscoveryRequest, DeltaDiscoveryResponse
        ] = channel.stream_stream(DELTA)
        call = method()
        code, _ = await told(call)
    assert code is grpc.StatusCode.UNAVAILABLE, "the handshake fails"


@pytest.mark.parametrize("plain", [False, True], ids=["certificate", "plain"])
@pytest.mark.parametrize("first", [False, True], ids=["later", "at once"])
async def test_t12_the_state_of_the_control_plane_is_no_proxys_business(
    plane: Plane, *, plain: bool, first: bool
) -> None:
    debug = hello(MINE)
    debug.type_url = "istio.io/debug/config_dump"
    debug.resource_names_subscribe.append("ratings-v1.default")
    async with plane.stream(plain=plain) as call:
        if not first:
            await call.write(hello(MINE))
            async with asyncio.timeout(10):
                assert isinstance(await call.read(), DeltaDiscoveryResponse)
        await call.write(debug)
        code, details = await told(call)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "istio.io/debug/config_dump is not served" in details


@pytest.mark.parametrize(
    "place",
    [
        lambda held: identity_key(REVIEWS),  # noqa: ARG005 - a table's column
        lambda held: serial_key(held.leaf.serial_number),
    ],
    ids=["identity", "serial"],
)
async def test_who_is_denied_loses_its_stream_within_a_second_and_gets_no_other(
    plane: Plane, place: Callable[[Credential], str]
) -> None:
    key = denied_prefix("default") + place(plane.credential)
    async with plane.stream() as call, plane.stream() as other:
        for each in (call, other):
            await each.write(hello(MINE))
            async with asyncio.timeout(10):
                assert isinstance(await each.read(), DeltaDiscoveryResponse)
        await plane.ledger.commit([Write(key, b"{}")])
        async with asyncio.timeout(1):
            codes = {await call.code(), await other.code()}
        assert codes == {grpc.StatusCode.PERMISSION_DENIED}
    async with plane.stream() as again:
        await again.write(hello(MINE))
        code, why = await told(again)
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert "denied" in why or "revoked" in why
    await plane.ledger.commit([Write(key, None)])
    async with plane.stream() as later, asyncio.timeout(10):
        await later.write(hello(MINE))
        assert isinstance(await later.read(), DeltaDiscoveryResponse)


async def report(plane: Plane, raw: bytes) -> grpc.StatusCode:
    """Tell Pilot what was counted; return its status."""
    channel = secure_channel(str(plane.address), plane.credential, "pilot")
    async with channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            METHOD
        )
        call = method(raw, timeout=10)
        return await call.code()


async def test_what_a_proxy_counted_is_told_in_the_name_of_its_certificate(
    plane: Plane,
) -> None:
    claimed = Report((Counted(edge("admin", "api"), counts(1, 2)),))
    assert await report(plane, encoded(claimed)) is grpc.StatusCode.OK
    told: list[Counted] = []

    async def is_told() -> bool:
        told[:] = decoded((await client.get("/api/v1/stats")).content).edges
        return bool(told)

    async with httpx2.AsyncClient(base_url=f"http://{plane.views}") as client:
        await eventually(is_told, seconds=30)  # when its period has ended
    (found,) = told
    assert found.counts == counts(1, 2)
    assert found.edge.source == End("admin", "default", str(REVIEWS))


async def test_who_is_denied_or_tells_nonsense_is_not_counted(plane: Plane) -> None:
    assert await report(plane, b"{") is grpc.StatusCode.INVALID_ARGUMENT
    key = denied_prefix("default") + identity_key(REVIEWS)
    async with plane.stream() as call:
        await call.write(hello(MINE))
        async with asyncio.timeout(10):
            await call.read()
            await plane.ledger.commit([Write(key, b"{}")])
            await call.code()  # Pilot knows of it by now
    code = await report(plane, encoded(Report(())))
    assert code is grpc.StatusCode.PERMISSION_DENIED
