"""A Pilot's configuration from a folder of files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from random import Random
from typing import TYPE_CHECKING

import grpc
import httpx2
import pytest
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest
from structlog.testing import capture_logs

from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.pilot.adapters.file_ledger import FileLedger
from meltemi.pilot.adapters.mcp_ledger import METHOD
from meltemi.pilot.ingest import Ingest, Rhythm, Sources
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.settings import PilotSettings
from meltemi.pilot.upstream import upstream
from meltemi.store.ports import LedgerUnavailableError
from meltemi.testkit.processes import Program, accepts, free_port, running
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

NEVER = 3600.0
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME}
spec: {hosts: [NAME.example.com], ports: [{number: 80, name: http, protocol: HTTP}]}
"""


@contextlib.asynccontextmanager
async def following(folder: Path) -> AsyncIterator[Latest[Mesh]]:
    mesh = Latest(Mesh())
    settings = PilotSettings.model_validate({"config_source": f"file://{folder}"})
    async with upstream(settings) as source:
        sources = Sources(source.ledger, source.bus, settings.mesh)
        ingest = Ingest(sources, mesh, Rhythm(NEVER, NEVER), Random(1), Metrics())  # noqa: S311 - any will do
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(ingest.run())
            yield mesh
            running.cancel()


def names(mesh: Latest[Mesh]) -> set[str]:
    return {each.metadata.name for each in mesh.value.of(ServiceEntry)}


async def test_the_mesh_is_what_the_files_say_and_follows_them(tmp_path: Path) -> None:
    deep = tmp_path / "shop"
    deep.mkdir()
    (tmp_path / "a.yaml").write_text(ENTRY.replace("NAME", "a"))
    (deep / "b.yml").write_text(ENTRY.replace("NAME", "b"))
    (tmp_path / ".hidden.yaml").write_text(ENTRY.replace("NAME", "hidden"))
    (tmp_path / "notes.txt").write_text("not configuration")
    async with following(tmp_path) as mesh:
        await until(lambda: names(mesh) == {"a", "b"}, seconds=20)
        (tmp_path / "c.yaml").write_text(ENTRY.replace("NAME", "c"))
        await until(lambda: names(mesh) == {"a", "b", "c"}, seconds=20)
        (tmp_path / "a.yaml").write_text("kind: [")
        (deep / "b.yml").unlink()
        await until(lambda: names(mesh) == {"a", "c"}, seconds=20)


async def test_an_empty_folder_is_an_empty_mesh(tmp_path: Path) -> None:
    async with following(tmp_path) as mesh:
        await until(lambda: mesh.value.revision > 0, seconds=20)
        assert mesh.value.epoch.startswith("files#")
        assert not names(mesh)


async def test_a_folder_that_is_not_there_is_no_empty_mesh(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path / "absent", "default")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ledger.run())
        with pytest.raises(LedgerUnavailableError, match="absent"):
            await ledger.list("/")
        running.cancel()


async def test_a_pilot_that_starts_beside_a_typo_shows_nothing_before_it_is_mended(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.yaml").write_text(ENTRY.replace("NAME", "a"))
    typo = ENTRY.replace("kind: ServiceEntry", "kind: ServiceEntri")
    (tmp_path / "b.yaml").write_text(typo)
    async with following(tmp_path) as mesh:
        ledger = FileLedger(tmp_path, "default")
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(ledger.run())
            with pytest.raises(LedgerUnavailableError, match=r"b\.yaml:2:"):
                await ledger.list("/")
            running.cancel()
        assert mesh.value.revision == 0
        (tmp_path / "b.yaml").write_text(ENTRY.replace("NAME", "b"))
        await until(lambda: mesh.value.revision > 0, seconds=20)
        assert names(mesh) == {"a", "b"}, "all at once"
        (tmp_path / "b.yaml").write_text(typo)
        (tmp_path / "c.yaml").write_text(ENTRY.replace("NAME", "c"))
        await until(lambda: names(mesh) == {"a", "b", "c"}, seconds=20)


async def test_what_cannot_be_opened_stops_no_other_file_and_is_told_once(
    tmp_path: Path,
) -> None:
    other, shop = tmp_path / "other", tmp_path / "mesh" / "shop"
    other.mkdir()
    (other / "b.yaml").write_text(ENTRY.replace("NAME", "b"))
    shop.parent.mkdir()
    shop.symlink_to(other)
    (shop.parent / "a.yaml").write_text(ENTRY.replace("NAME", "a"))
    with capture_logs() as lines:
        async with following(shop.parent) as mesh:
            await until(lambda: names(mesh) == {"a", "b"}, seconds=20)
            other.rename(tmp_path / "away")
            (shop.parent / "c.yaml").symlink_to(tmp_path / "nowhere")
            os.mkfifo(shop.parent / "d.yaml")
            await until(lambda: len(unreadable(lines)) == 3, seconds=20)
            (shop.parent / "a.yaml").write_text(ENTRY.replace("NAME", "new"))
            await until(lambda: names(mesh) == {"new", "b"}, seconds=20)
            (tmp_path / "nowhere").write_text(ENTRY.replace("NAME", "c"))
            (shop.parent / "d.yaml").unlink()
            (tmp_path / "away").rename(other)
            await until(lambda: names(mesh) == {"new", "b", "c"}, seconds=20)
            await until(lambda: "files.readable" in str(lines), seconds=20)
    assert unreadable(lines) == [
        f"{shop.parent}/c.yaml: No such file or directory",
        f"{shop.parent}/d.yaml: expected a regular file",
        f"{shop}: No such file or directory",
    ]


def unreadable(lines: Sequence[Mapping[str, object]]) -> list[str]:
    return sorted(
        {str(each["error"]) for each in lines if each["event"] == "file.unreadable"}
    )


async def test_a_pilot_process_is_not_ready_and_says_which_line_until_it_is_mended(
    tmp_path: Path,
) -> None:
    folder, (ads, views) = tmp_path / "mesh", (free_port(), free_port())
    folder.mkdir()
    (folder / "a.yaml").write_text(ENTRY.replace("kind: ServiceEntry", "kind: Typo"))
    environ = {
        **os.environ,  # noqa: TID251 - a program that starts another
        "PILOT_CONFIG_SOURCE": f"file://{folder}",
        "PILOT_XDS_ADDRESS": f"127.0.0.1:{ads}",
        "PILOT_HTTP_ADDRESS": f"127.0.0.1:{views}",
    }
    argv = [sys.executable, "-m", "meltemi.pilot"]
    log = tmp_path / "pilot.log"
    program = Program(argv, lambda: accepts(views), log, environ)
    client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{views}")
    with running(program):
        async with client:

            async def says(status: int, words: str) -> bool:
                found = await client.get("/readyz")
                return found.status_code == status and words in found.text

            await eventually(lambda: says(503, f"{folder}/a.yaml:2:"), seconds=60)
            assert await first_status(ads) is grpc.StatusCode.UNAVAILABLE
            (folder / "a.yaml").write_text(ENTRY.replace("NAME", "a"))
            await eventually(lambda: says(200, "ok"), seconds=60)
            told = log.read_text().count("file.unreadable")
            (folder / "a.yaml").write_text("kind: [")
            await until(lambda: log.read_text().count("file.unreadable") > told)
            assert await says(200, "ok"), "what it said holds"


async def first_status(ads: int) -> grpc.StatusCode:
    """Return how a stream ends that a proxy begins."""
    node = Node(id="sidecar~10.0.0.1~a.default~default.svc.cluster.local")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ads}") as channel:
        call = channel.stream_stream(
            METHOD,
            request_serializer=DiscoveryRequest.SerializeToString,
            response_deserializer=bytes,
        )()
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await call.write(DiscoveryRequest(node=node, type_url=CLUSTER))
            await call.read()
        return await call.code()
