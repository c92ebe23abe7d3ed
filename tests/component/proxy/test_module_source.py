"""Modules from a server and a registry over TLS, on loopback."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from meltemi.proxy.adapters import module_source
from meltemi.proxy.adapters.module_source import ModuleSource
from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.manifest import MANIFEST_BYTES
from meltemi.proxy.wasm.order import ModuleOrder
from meltemi.runtime.guarded_fetch import FetchFailedError, FetchRefusedError, Guard
from meltemi.testkit.https_site import redirect
from meltemi.testkit.image_registry import (
    INDEX,
    MODULE_LAYER,
    PULLER,
    ImageServer,
    Said,
    digest,
    image_server,
    manifest,
)
from meltemi.testkit.module import NOTHING
from meltemi.testkit.modules import rules
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.proxy.wasm.rules import ModuleRules

SHA = hashlib.sha256(NOTHING).hexdigest()


@pytest_asyncio.fixture
async def images(tmp_path: Path) -> AsyncIterator[ImageServer]:
    async with image_server(tmp_path) as made:
        made.pages["/m.wasm"] = Said(NOTHING)
        yield made


async def fetched(
    order: ModuleOrder, how: ModuleRules, known: str = ""
) -> tuple[bytes, str]:
    """Return what came, and the digest of the image that it came from."""
    into = io.BytesIO()
    source = await ModuleSource(how).fetch(order, into, known)
    return into.getvalue(), source


def image(
    images: ImageServer, name: str = "a:v1", *, sha256: str = "", secret: str = ""
) -> ModuleOrder:
    url = f"oci://{images.authority}/{name}"
    return ModuleOrder("p", url, sha256, secret=secret)


def holding_secret(folder: Path, server: str) -> ModuleRules:
    user, password = PULLER
    (folder / "registry").write_text(
        json.dumps({"auths": {server: {"username": user, "password": password}}})
    )
    return replace(rules(folder), secrets=folder)


async def test_a_module_comes_over_https(images: ImageServer, tmp_path: Path) -> None:
    order = ModuleOrder("p", images.url("/m.wasm"), SHA)
    assert await fetched(order, rules(tmp_path)) == (NOTHING, "")
    unpinned = replace(order, sha256="")
    assert await fetched(unpinned, rules(tmp_path)) == (NOTHING, "")


async def test_t20_what_is_not_what_was_ordered_is_refused(
    images: ImageServer, tmp_path: Path
) -> None:
    pushed = images.push_module("a", "v1", NOTHING)
    wrong = "b" * 64
    for order in (
        ModuleOrder("p", images.url("/m.wasm"), wrong),
        image(images, sha256=wrong),
        image(images, f"a@sha256:{wrong}"),
    ):
        if "@" in order.url:
            images.pages[f"/v2/a/manifests/sha256:{wrong}"] = Said(manifest())
        with pytest.raises(ModuleRefusedError, match="not what was ordered"):
            await fetched(order, rules(tmp_path))
    images.pages[f"/v2/a/blobs/{digest(NOTHING)}"] = Said(NOTHING + b"!")
    with pytest.raises(ModuleRefusedError, match="a layer of"):
        await fetched(image(images, sha256=pushed[7:]), rules(tmp_path))


async def test_an_image_is_fetched_by_tag_digest_and_hash(
    images: ImageServer, tmp_path: Path
) -> None:
    pushed = images.push_module("a", "v1", NOTHING)
    for order in (
        image(images),
        image(images, f"a@{pushed}"),
        image(images, sha256=pushed[7:]),
    ):
        assert await fetched(order, rules(tmp_path)) == (NOTHING, pushed)


async def test_of_an_image_that_is_here_the_manifest_alone_is_read(
    images: ImageServer, tmp_path: Path
) -> None:
    pushed = images.push_module("a", "v1", NOTHING)
    assert await fetched(image(images), rules(tmp_path), pushed) == (b"", pushed)
    assert images.paths == ["/v2/a/manifests/v1"]


async def test_case_59_an_index_is_followed_once(
    images: ImageServer, tmp_path: Path
) -> None:
    pushed = images.push_module("a", "v1", NOTHING)
    part = {"digest": pushed, "platform": {"os": "wasip1", "architecture": "wasm"}}
    outer = json.dumps({"mediaType": INDEX, "manifests": [part]}).encode()
    top = images.push("a", "both", outer)
    assert await fetched(image(images, "a:both"), rules(tmp_path)) == (NOTHING, pushed)
    by_index = image(images, "a:both", sha256=top[7:])
    assert (await fetched(by_index, rules(tmp_path)))[0] == NOTHING

    endless = json.dumps({"manifests": [{"digest": top}]}).encode()
    images.push("a", "endless", endless)
    with pytest.raises(ModuleRefusedError, match="index of indexes"):
        await fetched(image(images, "a:endless"), rules(tmp_path))


async def test_a_registry_that_asks_is_shown_the_pull_secret(
    images: ImageServer, tmp_path: Path
) -> None:
    images.guarded = True
    images.push_module("a", "v1", NOTHING)
    how = holding_secret(tmp_path, images.authority)
    order = image(images, secret="registry")  # noqa: S106 - a name
    assert (await fetched(order, how))[0] == NOTHING
    with pytest.raises(FetchFailedError, match="there is no pull secret"):
        await fetched(image(images), how)
    elsewhere = holding_secret(tmp_path, "other.example")
    with pytest.raises(FetchFailedError, match="there is no pull secret"):
        await fetched(order, elsewhere)


@pytest.mark.parametrize("name", ["../registry", "..", "absent"])
async def test_a_pull_secret_is_a_file_of_its_folder(
    images: ImageServer, tmp_path: Path, name: str
) -> None:
    how = holding_secret(tmp_path, images.authority)
    with pytest.raises(ModuleRefusedError, match="pull secret"):
        await fetched(image(images, secret=name), how)
    with pytest.raises(ModuleRefusedError, match="AGENT_WASM_PULL_SECRETS"):
        await fetched(image(images, secret=name), rules(tmp_path))
    assert images.asked == []


async def test_t20_credentials_are_sent_to_no_other_host(
    images: ImageServer, tmp_path: Path
) -> None:
    (tmp_path / "far").mkdir()
    async with image_server(tmp_path / "far") as far:
        images.guarded = True
        images.push_module("a", "v1", NOTHING)
        blob = f"/v2/a/blobs/{digest(NOTHING)}"
        signed = f"{far.url('/blob')}?signature=s3cret"
        images.pages[blob] = Said(status=307, headers={"location": signed})
        far.pages["/blob?signature=s3cret"] = Said(NOTHING)
        how = holding_secret(tmp_path, images.authority)
        order = image(images, secret="registry")  # noqa: S106 - a name
        assert (await fetched(order, how))[0] == NOTHING
        ((_, headers),) = far.asked
        assert "authorization" not in headers
        asked = dict(images.asked)
        assert asked[blob]["authorization"] == "Bearer let-me-in"

        far.pages.clear()
        with pytest.raises(FetchFailedError, match="404") as caught:
            await fetched(order, how)
        assert "s3cret" not in str(caught.value)


async def test_t20_no_server_and_no_redirect_leads_to_metadata(
    images: ImageServer, tmp_path: Path
) -> None:
    images.pages["/away"] = Said(
        status=302, headers={"location": "https://169.254.169.254/latest"}
    )
    images.pages["/plain"] = Said(
        status=302, headers={"location": f"http://{images.authority}/m.wasm"}
    )
    for path, why in (("/away", "metadata"), ("/plain", "only https")):
        with pytest.raises(FetchRefusedError, match=why):
            await fetched(ModuleOrder("p", images.url(path)), rules(tmp_path))
    strict = replace(rules(tmp_path), guard=Guard())
    before = len(images.asked)
    for order in (ModuleOrder("p", images.url("/m.wasm")), image(images)):
        with pytest.raises(FetchRefusedError, match="not public"):
            await fetched(order, strict)
    named = replace(rules(tmp_path), servers=("r.example",))
    for order in (ModuleOrder("p", images.url("/m.wasm")), image(images)):
        with pytest.raises(FetchRefusedError, match="AGENT_WASM_SERVERS"):
            await fetched(order, named)
    assert len(images.asked) == before


async def test_t20_in_plain_text_a_module_has_a_hash_or_a_server_that_is_believed(
    tmp_path: Path,
) -> None:
    order = ModuleOrder("p", "http://127.0.0.1:1/m.wasm")
    with pytest.raises(FetchRefusedError, match="say its sha256"):
        await fetched(order, rules(tmp_path))
    believed = replace(rules(tmp_path), plain_servers=("127.0.0.1:1",))
    for each, how in (
        (order, believed),
        (replace(order, sha256=SHA), rules(tmp_path)),
        (ModuleOrder("p", "127.0.0.1:1/a"), believed),
    ):
        with pytest.raises(FetchFailedError, match="cannot be reached"):
            await fetched(each, how)


async def test_t20_no_more_is_taken_than_a_module_or_a_manifest_has(
    images: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_source, "MODULE_BYTES", 1000)
    images.pages["/big"] = Said(b"\0asm" + bytes(1000))
    with pytest.raises(FetchFailedError, match="more than 1000 bytes"):
        await fetched(ModuleOrder("p", images.url("/big")), rules(tmp_path))
    images.push("a", "v1", b" " * (MANIFEST_BYTES + 1))
    with pytest.raises(FetchFailedError, match="more than 4194304 bytes"):
        await fetched(image(images), rules(tmp_path))
    layer = bytes(2000)
    images.push("a", "v2", manifest((MODULE_LAYER, layer)), layer)
    with pytest.raises(FetchFailedError, match="more than 1000 bytes"):
        await fetched(image(images, "a:v2"), rules(tmp_path))


async def test_a_server_that_does_not_answer_is_not_waited_for(
    images: ImageServer, tmp_path: Path
) -> None:
    images.busy.clear()
    order = ModuleOrder("p", images.url("/m.wasm"), seconds=0.2)
    with pytest.raises(FetchFailedError, match=r"within 0\.2 s"):
        await fetched(order, rules(tmp_path))


async def test_a_gzipped_module_is_checked_as_it_came(
    images: ImageServer, tmp_path: Path
) -> None:
    packed = gzip.compress(NOTHING)
    images.pages["/m.gz"] = Said(packed)
    sha = hashlib.sha256(packed).hexdigest()
    order = ModuleOrder("p", images.url("/m.gz"), sha)
    assert await fetched(order, rules(tmp_path)) == (packed, "")


async def test_t20_no_redirect_leads_back_to_plain_text(
    images: ImageServer, tmp_path: Path
) -> None:
    port = free_port()
    plain = f"http://127.0.0.1:{port}"
    images.pages["/back"] = Said(status=302, headers={"location": f"{plain}/m"})
    asked: list[bytes] = []

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(redirect(images.url("/back")))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        with pytest.raises(FetchRefusedError, match="only https"):
            await fetched(ModuleOrder("p", f"{plain}/m", SHA), rules(tmp_path))
    assert len(asked) == 1


async def test_t20_an_agent_may_ask_for_a_hash_of_everything(
    images: ImageServer, tmp_path: Path
) -> None:
    pushed = images.push_module("a", "v1", NOTHING)
    pinned = replace(rules(tmp_path), pinned=True)
    for order in (ModuleOrder("p", images.url("/m.wasm")), image(images)):
        with pytest.raises(FetchRefusedError, match="AGENT_WASM_PINNED"):
            await fetched(order, pinned)
    assert images.asked == []
    assert (await fetched(image(images, f"a@{pushed}"), pinned))[0] == NOTHING
