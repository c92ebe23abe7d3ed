from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.unpacking import unpack
from meltemi.testkit.image_registry import archive
from meltemi.testkit.module import NOTHING


def unpacked(raw: bytes, limit: int = 1_000_000) -> bytes:
    target = io.BytesIO()
    unpack(io.BytesIO(raw), target, limit=limit)
    return target.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        NOTHING,
        gzip.compress(NOTHING),
        archive({"plugin.wasm": NOTHING}, packed=False),
        archive({"runtime-config.json": b"{}", "./plugin.wasm": NOTHING}),
    ],
)
def test_a_module_is_found_however_it_is_packed(raw: bytes) -> None:
    assert unpacked(raw) == NOTHING


def test_t20_what_inflates_without_end_is_left_there() -> None:
    zeros = b"\0asm" + b"\0" * 4_000_000
    for raw in (
        gzip.compress(zeros),
        archive({"plugin.wasm": zeros}),
        archive({"other": zeros, "plugin.wasm": NOTHING}),
    ):
        assert len(raw) < 10_000
        with pytest.raises(ModuleRefusedError, match="inflates to more than"):
            unpacked(raw)


def test_t20_no_name_in_an_archive_leads_anywhere() -> None:
    for name in ("../plugin.wasm", "/plugin.wasm", "etc/plugin.wasm"):
        with pytest.raises(ModuleRefusedError, match=r"has no plugin\.wasm"):
            unpacked(archive({name: NOTHING}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_t20_a_link_is_no_module(kind: bytes) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        entry = tarfile.TarInfo("plugin.wasm")
        entry.type, entry.linkname = kind, "/etc/shadow"
        tar.addfile(entry)
    with pytest.raises(ModuleRefusedError, match="link or no file"):
        unpacked(raw.getvalue())


def test_an_archive_of_very_many_files_is_refused() -> None:
    with pytest.raises(ModuleRefusedError, match="more than 1000 files"):
        unpacked(archive({str(each): b"" for each in range(1001)}))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>not found</html>",
        gzip.compress(NOTHING)[:-10],
        gzip.compress(b"text"),
        archive({"plugin.wasm": b"text"}),
        archive({"plugin.wasm": NOTHING}, packed=False)[:600],
    ],
)
def test_what_is_no_module_is_refused(raw: bytes) -> None:
    with pytest.raises(ModuleRefusedError):
        unpacked(raw)
