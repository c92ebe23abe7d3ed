from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

import grpc
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from google.rpc.status_pb2 import Status
from prometheus_client import CollectorRegistry

from meltemi.kernel.backoff import Backoff
from meltemi.pilot import emit, ir
from meltemi.proxy.adapters import module_desk
from meltemi.proxy.adapters import relay as relay_module
from meltemi.proxy.adapters.checkpoint_file import CheckpointFile
from meltemi.proxy.adapters.dial import dial_plain
from meltemi.proxy.adapters.relay import METHOD, SERVICE, Memory, XdsRelay
from meltemi.proxy.adapters.sockets import serving_sockets
from meltemi.proxy.checkpoint import Recorder
from meltemi.proxy.ring import PilotRing
from meltemi.proxy.wasm.order import STAND_IN, file_of
from meltemi.runtime.settings import Address
from meltemi.testkit import envoy_config
from meltemi.testkit.agents import local
from meltemi.testkit.fakes.pilot import PREFIX, FakePilot
from meltemi.testkit.image_registry import ImageServer, image_server
from meltemi.testkit.module import NOTHING
from meltemi.testkit.modules import Modules
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest
    from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig


CDS = PREFIX + "envoy.config.cluster.v3.Cluster"
NODE = "sidecar~127.0.0.1~a.default~x"

Call = grpc.aio.StreamStreamCall[DeltaDiscoveryRequest, DeltaDiscoveryResponse]


class Agent:
    """The relay with its checkpoint, as an Envoy on the socket sees it."""

    def __init__(self, directory: Path, *pilots: FakePilot) -> None:
        self.socket = directory / "xds.sock"
        registry = CollectorRegistry()
        self.file = CheckpointFile(directory, registry)
        self.recorder = Recorder(NODE, self.file.load(NODE).types)
        addresses = tuple(Address.parse(pilot.address) for pilot in pilots)
        self.ring = PilotRing(addresses, NODE)
        rng = Random(1)  # noqa: S311 - a jitter
        self.modules = Modules(directory, self.recorder, registry)
        self.desk = self.modules.desk()
        memory = Memory(self.recorder, self.file, self.desk)
        self.relay = XdsRelay(self.ring, dial_plain, memory, rng, registry)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        await self.desk.open()
        async with (
            serving_sockets((self.relay.handler(),), (self.socket,)),
            asyncio.TaskGroup() as tasks,
        ):
            following = tasks.create_task(self.file.follow(self.recorder))
            yield
            following.cancel()

    @asynccontextmanager
    async def envoy(self) -> AsyncIterator[Call]:
        async with grpc.aio.insecure_channel(f"unix:{self.socket}") as channel:
            method: grpc.aio.StreamStreamMultiCallable[
                DeltaDiscoveryRequest, DeltaDiscoveryResponse
            ] = channel.stream_stream(
                f"/{SERVICE}/{METHOD}",
                DeltaDiscoveryRequest.SerializeToString,
                DeltaDiscoveryResponse.FromString,
            )
            call = method()
            yield call
            call.cancel()


async def ask(call: Call, **had: str) -> None:
    request = DeltaDiscoveryRequest(type_url=CDS, initial_resource_versions=had)
    await call.write(request)


async def hear(call: Call) -> DeltaDiscoveryResponse:
    """Return the next response, acknowledged."""
    async with asyncio.timeout(10):
        answer = await call.read()
    assert isinstance(answer, DeltaDiscoveryResponse)
    await call.write(DeltaDiscoveryRequest(type_url=CDS, response_nonce=answer.nonce))
    return answer


def names(answer: DeltaDiscoveryResponse) -> list[str]:
    return [resource.name for resource in answer.resources]


def pilot(*clusters: str) -> FakePilot:
    made = FakePilot(str(local()))
    for name in clusters:
        made.publish(name, envoy_config.cluster(name))
    return made


async def test_requests_and_responses_pass_and_later_pushes_too(tmp_path: Path) -> None:
    source = pilot("a")
    agent = Agent(tmp_path, source)
    async with source.serving(), agent.serving(), agent.envoy() as call:
        await ask(call)
        assert names(await hear(call)) == ["a"]
        source.publish("b", envoy_config.cluster("b"))
        assert names(await hear(call)) == ["b"]
        await until(lambda: len(source.requests) == 3)


async def test_without_a_pilot_and_a_checkpoint_envoy_is_told_to_come_again(
    tmp_path: Path,
) -> None:
    agent = Agent(tmp_path, pilot())
    async with agent.serving(), agent.envoy() as call:
        await ask(call)
        async with asyncio.timeout(10):
            assert await call.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_pilot_that_ends_streams_unanswered_costs_nothing_said(
    tmp_path: Path,
) -> None:
    bad, good = pilot(), pilot("a")
    agent = Agent(tmp_path, bad, good)
    agent.ring.prefer(Address.parse(bad.address))
    bad.silent = True
    async with bad.serving(), good.serving(), agent.serving(), agent.envoy() as call:
        await ask(call)
        await until(lambda: bool(bad.requests))
        bad.drop_streams()
        assert names(await hear(call)) == ["a"], "the request was said again"


async def test_a_silent_pilot_does_not_hold_a_cold_envoy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "FIRST_ANSWER_SECONDS", 0.2)
    silent, good = pilot(), pilot("a")
    silent.silent = True
    agent = Agent(tmp_path, silent, good)
    agent.ring.prefer(Address.parse(silent.address))
    async with silent.serving(), good.serving(), agent.serving(), agent.envoy() as call:
        await ask(call)
        assert names(await hear(call)) == ["a"]
        assert silent.requests


async def test_the_checkpoint_answers_until_a_pilot_is_back(tmp_path: Path) -> None:
    source = pilot("a", "b")
    first = Agent(tmp_path, source)
    async with source.serving(), first.serving(), first.envoy() as call:
        await ask(call)
        await hear(call)
        await until((tmp_path / "xds.checkpoint").exists)

    second = Agent(tmp_path, source)
    async with second.serving():
        async with second.envoy() as call:
            await ask(call)
            answer = await hear(call)
            assert names(answer) == ["a", "b"]
            async with source.serving():
                async with asyncio.timeout(10):
                    assert await call.code() is grpc.StatusCode.UNAVAILABLE
        source.sent.clear()
        source.publish("c", envoy_config.cluster("c"))
        async with source.serving(), second.envoy() as call:
            await ask(call, **{each.name: each.version for each in answer.resources})
            assert names(await hear(call)) == ["c"], "only the difference"
        assert source.sent == ["c"]


async def test_after_a_bad_checkpoint_the_one_before_it_is_used(tmp_path: Path) -> None:
    """F-44: a torn file is never loaded."""
    file = CheckpointFile(tmp_path, CollectorRegistry())
    for name in ("old", "new"):
        recorder = Recorder(NODE, {CDS: {name: b"\n\x03abc"}})
        file.save(recorder.checkpoint())
    current = tmp_path / "xds.checkpoint"
    assert set(file.load(NODE).types[CDS]) == {"new"}
    current.write_bytes(current.read_bytes()[:-1])
    assert set(file.load(NODE).types[CDS]) == {"old"}
    (tmp_path / "xds.checkpoint.previous").unlink()
    assert file.load(NODE).types == {}


async def test_the_checkpoint_of_another_proxy_is_not_used(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path, CollectorRegistry())
    file.save(Recorder("other", {CDS: {"a": b""}}).checkpoint())
    assert file.load(NODE).types == {}


async def test_a_disk_that_refuses_costs_the_copy_and_not_the_service(
    tmp_path: Path,
) -> None:
    """F-45."""
    registry = CollectorRegistry()
    file = CheckpointFile(tmp_path / "absent", registry)
    file.save(Recorder(NODE, {CDS: {"a": b""}}).checkpoint())
    assert registry.get_sample_value("meltemi_agent_checkpoint_errors_total") == 1


async def test_a_quiet_pilot_holds_a_warm_envoy_and_its_end_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "SETTLE_SECONDS", 0.05)
    quiet, other = pilot(), pilot()
    quiet.silent = True
    agent = Agent(tmp_path, quiet, other)
    agent.ring.prefer(Address.parse(quiet.address))
    async with quiet.serving(), other.serving(), agent.serving(), agent.envoy() as call:
        await ask(call, a="1")
        await until(lambda: agent.relay._source == f"pilot {quiet.address}")
        assert not other.requests, "nothing was wrong with the first one"
        quiet.drop_streams()
        async with asyncio.timeout(5):
            assert await call.code() is grpc.StatusCode.UNAVAILABLE
        assert agent.ring.order()[0] == Address.parse(other.address)


async def test_the_next_pilot_is_told_what_envoy_refused_of_the_last(
    tmp_path: Path,
) -> None:
    source = pilot("a")
    agent = Agent(tmp_path, source)
    async with source.serving(), agent.serving():
        async with agent.envoy() as call:
            await ask(call)
            async with asyncio.timeout(10):
                answer = await call.read()
            assert isinstance(answer, DeltaDiscoveryResponse)
            refusal = Status(code=13, message="a is bad")
            await call.write(
                DeltaDiscoveryRequest(
                    type_url=CDS, response_nonce=answer.nonce, error_detail=refusal
                )
            )
            await until(lambda: len(source.requests) == 2)
        source.requests.clear()
        async with agent.envoy() as call:
            await ask(call, b="1")
            await until(lambda: len(source.requests) == 1)
    told = source.requests[0].initial_resource_versions
    assert told == {"a": "refused", "b": "1"}


ECDS = PREFIX + "envoy.config.core.v3.TypedExtensionConfig"


def filter_of(images: ImageServer) -> TypedExtensionConfig:
    """Return the configuration of a filter, as Pilot sends it."""
    url = f"oci://{images.authority}/a:v1"
    made = ir.WasmFilter("p", "default.p", ir.FetchedModule(url))
    return emit.extension(ir.Extension(made, connections=False, origins=()))


async def ask_for_filter(call: Call) -> None:
    await call.write(
        DeltaDiscoveryRequest(type_url=ECDS, resource_names_subscribe=["p"])
    )


async def next_answer(call: Call) -> DeltaDiscoveryResponse:
    async with asyncio.timeout(10):
        answer = await call.read()
    assert isinstance(answer, DeltaDiscoveryResponse)
    return answer


async def test_t20_nothing_else_waits_for_a_module(tmp_path: Path) -> None:
    source = pilot()
    async with image_server(tmp_path) as images:
        images.push_module("a", "v1", NOTHING)
        images.busy.clear()
        source.publish("p", filter_of(images))
        agent = Agent(tmp_path, source)
        async with source.serving(), agent.serving(), agent.envoy() as call:
            await ask_for_filter(call)
            await until(lambda: bool(images.asked))
            await ask(call)
            for name in ("a", "b"):
                source.publish(name, envoy_config.cluster(name))
                assert name in names(await hear(call))
            images.busy.set()
            answer = await next_answer(call)
    assert (answer.type_url, names(answer)) == (ECDS, ["p"])
    file = file_of(answer.resources[0].SerializeToString())
    assert file.startswith(str(tmp_path / "wasm"))


async def test_t20_pilot_hears_a_refusal_where_envoy_took_a_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_desk, "AGAIN", Backoff(first=0.01, ceiling=0.01))
    source = pilot()
    async with image_server(tmp_path) as images:
        source.publish("p", filter_of(images))
        agent = Agent(tmp_path, source)
        async with source.serving(), agent.serving(), agent.envoy() as call:
            await ask_for_filter(call)
            answer = await next_answer(call)
            assert answer.resources[0].version == STAND_IN
            taken = DeltaDiscoveryRequest(type_url=ECDS, response_nonce=answer.nonce)
            await call.write(taken)
            await until(lambda: len(source.requests) == 2)
            told = source.requests[1]
            assert told.response_nonce == answer.nonce
            assert "p: " in told.error_detail.message
            assert "404" in told.error_detail.message

            images.push_module("a", "v1", NOTHING)
            await until(lambda: len(source.requests) == 4)
            assert source.requests[2].resource_names_unsubscribe == ["p"]
            assert source.requests[3].resource_names_subscribe == ["p"]
