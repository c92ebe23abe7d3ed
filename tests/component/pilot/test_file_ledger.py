"""A Pilot's configuration from a folder of files."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.pilot.adapters.file_ledger import FileLedger
from meltemi.pilot.ingest import Ingest, Rhythm, Sources
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.settings import PilotSettings
from meltemi.pilot.upstream import upstream
from meltemi.store.ports import LedgerUnavailableError
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NEVER = 3600.0
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
