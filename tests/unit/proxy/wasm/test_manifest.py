from __future__ import annotations

import json

import pytest

from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.manifest import digest_of, inside
from meltemi.testkit.image_registry import ARCHIVE_LAYER, MODULE_LAYER, digest, manifest

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def index(*platforms: tuple[str, str] | None) -> bytes:
    parts: list[dict[str, object]] = []
    for number, each in enumerate(platforms):
        part: dict[str, object] = {"digest": f"sha256:{number:064x}"}
        if each:
            part["platform"] = {"os": each[0], "architecture": each[1]}
        parts.append(part)
    return json.dumps({"manifests": parts}).encode()


def chosen(raw: bytes) -> int:
    found = inside(raw, "image")
    assert not found.final
    return int(found.part.digest[7:], 16)


def test_a_layer_that_is_a_module_goes_before_one_that_may_have_it() -> None:
    raw = manifest((MODULE_LAYER, b"m"), (ARCHIVE_LAYER, b"a"))
    found = inside(raw, "image")
    assert found.final
    assert found.part.digest == digest(b"m")


@pytest.mark.parametrize("kind", [ARCHIVE_LAYER, DOCKER_LAYER])
def test_of_a_usual_image_the_last_layer_is_the_modules(kind: str) -> None:
    raw = manifest((ARCHIVE_LAYER, b"first"), (kind, b"last"))
    assert inside(raw, "image").part.digest == digest(b"last")


def test_of_an_index_the_one_for_wasm_is_taken() -> None:
    assert chosen(index(("linux", "amd64"), ("wasip1", "wasm"))) == 1
    assert chosen(index(("linux", "arm64"), ("linux", "amd64"))) == 1
    assert chosen(index(None)) == 0


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"<html>", "is none"),
        (b"[" * 100_000, "is none"),
        (b'{"layers":[{}]}', "is none"),
        (b"{}", "no module"),
        (manifest(("text/plain", b"x")), "text/plain"),
        (index(("linux", "arm64"), ("linux", "s390x")), "none of them"),
        (b'{"manifests":[{"digest":"../../etc"}]}', "is no digest"),
    ],
)
def test_case_59_a_manifest_without_a_module_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(ModuleRefusedError, match=why):
        inside(raw, "image")


def test_a_manifest_is_known_by_its_hash() -> None:
    assert digest_of(b"x") == digest(b"x")
