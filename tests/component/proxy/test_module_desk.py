"""Extensions' configuration on its way to Envoy, with a registry and a disk."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest_asyncio
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)

from meltemi.kernel.backoff import Backoff
from meltemi.pilot import ir
from meltemi.proxy.adapters import module_desk
from meltemi.proxy.adapters.module_source import ModuleSource
from meltemi.proxy.wasm.order import STAND_IN, file_of, stand_in
from meltemi.testkit.image_registry import ImageServer, Said, image_server
from meltemi.testkit.module import NOTHING
from meltemi.testkit.modules import Modules, resource, response
from meltemi.testkit.waiting import until
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from meltemi.proxy.adapters.module_desk import Answer

OTHER = NOTHING + b"\0\x05\x04more"
"""The same with a section of its own."""


@pytest_asyncio.fixture
async def images(tmp_path: Path) -> AsyncIterator[ImageServer]:
    async with image_server(tmp_path) as made:
        made.push_module("a", "v1", NOTHING)
        yield made


def ordered(images: ImageServer, tag: str = "v1", **more: str) -> ir.FetchedModule:
    return ir.FetchedModule(f"oci://{images.authority}/a:{tag}", **more)


def files(answer: Answer) -> list[bytes]:
    """Return the modules that Envoy is given."""
    paths = (file_of(each.SerializeToString()) for each in answer.response.resources)
    return [Path(each).read_bytes() for each in paths]


def taken(modules: Modules, given: DeltaDiscoveryResponse) -> None:
    """Have Envoy acknowledge what it was given."""
    modules.recorder.sent(given)
    modules.recorder.heard(
        DeltaDiscoveryRequest(type_url=TypeUrl.EXTENSION, response_nonce=given.nonce)
    )


async def test_a_module_is_fetched_once_for_all_that_want_it(
    images: ImageServer, tmp_path: Path
) -> None:
    modules = Modules(tmp_path)
    desk = await modules.opened()
    both = [resource(ordered(images), name=each) for each in ("p", "q")]
    answer = await desk.answer(response(*both))
    assert answer.refusal == ""
    assert files(answer) == [NOTHING, NOTHING]
    assert [each.name for each in answer.response.resources] == ["p", "q"]
    assert len(images.asked) == 2, "a manifest and a layer"
    assert files(await desk.answer(response(both[0]))) == [NOTHING]
    assert len(images.asked) == 2
    assert (modules.counted("fetched"), modules.counted("kept")) == (1, 1)


async def test_what_is_kept_outlives_the_agent_if_it_is_whole(
    images: ImageServer, tmp_path: Path
) -> None:
    answer = await (await Modules(tmp_path).opened()).answer(
        response(resource(ordered(images)))
    )
    (kept,) = (tmp_path / "wasm").glob("*.wasm")
    assert kept.name == f"{hashlib.sha256(NOTHING).hexdigest()}.wasm"
    assert kept.stat().st_mode & 0o777 == 0o600
    images.pages.clear()
    again = await (await Modules(tmp_path).opened()).answer(
        response(resource(ordered(images)))
    )
    assert again == answer

    kept.write_bytes(b"\0asm torn")
    torn = await (await Modules(tmp_path).opened()).answer(
        response(resource(ordered(images)))
    )
    assert "404" in torn.refusal
    assert not kept.exists(), "what is not whole is not kept"


async def test_t20_a_wrong_module_leaves_the_one_before_in_place(
    images: ImageServer, tmp_path: Path
) -> None:
    modules = Modules(tmp_path)
    desk = await modules.opened()
    first = await desk.answer(response(resource(ordered(images))))
    taken(modules, first.response)
    wrong = resource(ordered(images, sha256="b" * 64), version="2")
    answer = await desk.answer(response(wrong, nonce="2"))
    assert answer.response.resources == first.response.resources
    assert answer.response.nonce == "2"
    assert "p: " in answer.refusal
    assert "is not what was ordered" in answer.refusal
    assert "the module before stays" in answer.refusal


async def test_a_moved_tag_is_noticed_where_it_is_asked_for(
    images: ImageServer, tmp_path: Path
) -> None:
    desk = await Modules(tmp_path).opened()
    always = resource(ordered(images, policy="Always"))
    seldom = resource(ordered(images))
    assert files(await desk.answer(response(always))) == [NOTHING]
    images.push_module("a", "v1", OTHER)
    assert files(await desk.answer(response(seldom))) == [NOTHING]
    assert files(await desk.answer(response(always))) == [OTHER]


async def test_a_registry_that_is_away_costs_no_module_that_is_here(
    images: ImageServer, tmp_path: Path
) -> None:
    modules = Modules(tmp_path)
    desk = await modules.opened()
    always = resource(ordered(images, policy="Always"))
    await desk.answer(response(always))
    images.pages.clear()
    answer = await desk.answer(response(always))
    assert (answer.refusal, files(answer)) == ("", [NOTHING])
    assert modules.counted("stale") == 1


async def test_t20_a_stand_in_is_known_as_one_and_stays_though_pilot_takes_it_away(
    images: ImageServer, tmp_path: Path
) -> None:
    modules = Modules(tmp_path)
    desk = await modules.opened()
    closed = resource(ordered(images, "no"), name="c")
    opened = resource(ordered(images, "no"), name="o", failure=ir.Failure.OPEN)
    answer = await desk.answer(response(closed, opened))
    assert [each.version for each in answer.response.resources] == [STAND_IN] * 2
    assert "c: " in answer.refusal
    assert "its traffic is refused" in answer.refusal
    assert "traffic passes without it" in answer.refusal
    taken(modules, answer.response)
    gone = DeltaDiscoveryResponse(
        type_url=TypeUrl.EXTENSION, nonce="2", removed_resources=["c", "other"]
    )
    later = await desk.answer(gone)
    assert later.response.removed_resources == ["other"]
    assert later.refusal == ""


async def test_what_is_missing_is_asked_for_until_it_comes(
    images: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_desk, "AGAIN", Backoff(first=0.01, ceiling=0.01))
    desk, came = await Modules(tmp_path).opened(), list[str]()
    order = resource(ordered(images, "late"))
    async with asyncio.TaskGroup() as tasks:
        retrying = tasks.create_task(desk.retry(came.append))
        assert (await desk.answer(response(order))).refusal
        await until(lambda: len(images.asked) > 3)
        assert came == []
        images.push_module("a", "late", NOTHING)
        await until(lambda: came == ["p"])
        count = len(images.asked)
        assert files(await desk.answer(response(order))) == [NOTHING]
        assert len(images.asked) == count, "it was here"
        retrying.cancel()


async def test_one_bad_module_is_no_loss_to_another(
    images: ImageServer, tmp_path: Path
) -> None:
    images.pages["/page"] = Said(b"<html>")
    page = ir.FetchedModule(images.url("/page"))
    bad = resource(page, name="bad")
    nonsense = resource(replace(page, url="oci://NO/x y"), name="nonsense")
    answer = await (await Modules(tmp_path).opened()).answer(
        response(bad, resource(ordered(images)), nonsense)
    )
    named = {each.name: each for each in answer.response.resources}
    assert file_of(named["p"].SerializeToString()).endswith(".wasm")
    assert named["bad"].version == named["nonsense"].version == STAND_IN
    assert "is no Wasm module" in answer.refusal
    assert "is no image" in answer.refusal


async def test_t20_a_module_that_is_gone_from_disk_fails_as_it_says(
    images: ImageServer, tmp_path: Path
) -> None:
    modules = Modules(tmp_path)
    desk = await modules.opened()
    closed = resource(ordered(images), name="c")
    opened = resource(ordered(images), name="o", failure=ir.Failure.OPEN)
    given = (await desk.answer(response(closed, opened))).response
    taken(modules, given)
    await Modules(tmp_path, modules.recorder).opened()
    held = modules.recorder.held(TypeUrl.EXTENSION)
    assert all(map(file_of, held.values())), "what is there is left alone"

    for each in (tmp_path / "wasm").glob("*.wasm"):
        each.unlink()
    await Modules(tmp_path, modules.recorder).opened()
    left = modules.recorder.held(TypeUrl.EXTENSION)
    assert {name: Resource.FromString(raw) for name, raw in left.items()} == {
        "c": stand_in(closed, opens=False),
        "o": stand_in(opened, opens=True),
    }


async def test_a_bug_of_ours_costs_one_module(
    images: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> str:
        raise ZeroDivisionError

    desk = await Modules(tmp_path).opened()
    monkeypatch.setattr(ModuleSource, "fetch", broken)
    answer = await desk.answer(response(resource(ordered(images))))
    assert answer.response.resources[0].version == STAND_IN
    assert answer.refusal.startswith("p: ")
