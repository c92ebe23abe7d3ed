"""Whatever a server sends is a module, or refused by us and by nothing else."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.manifest import inside
from meltemi.proxy.wasm.reference import image_reference
from meltemi.proxy.wasm.registry_login import challenge, login_for, token_in
from meltemi.proxy.wasm.unpacking import MAGIC, unpack
from meltemi.testkit.image_registry import archive, manifest
from meltemi.testkit.module import NOTHING

LIMIT = 100_000
WHOLE = (
    NOTHING,
    gzip.compress(NOTHING),
    archive({"plugin.wasm": NOTHING}),
    archive({"a" * 200: b"x", "plugin.wasm": NOTHING}, packed=False),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return what once was a module, cut and with bytes changed."""
    raw = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 8))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw[: draw(st.integers(0, len(raw)))])


@st.composite
def odd_archives(draw: st.DrawFn) -> bytes:
    """Return an archive whose headers say what they like."""
    raw = io.BytesIO()
    spelling = draw(st.sampled_from((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)))
    with tarfile.open(fileobj=raw, mode="w", format=spelling) as tar:
        for _ in range(draw(st.integers(0, 4))):
            entry = tarfile.TarInfo(draw(st.sampled_from(("plugin.wasm", "x", "../y"))))
            entry.type = bytes([draw(st.sampled_from(b"0123456gxLKS"))])
            content = draw(st.binary(max_size=600))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


@settings(max_examples=400, deadline=None)
@given(damaged() | odd_archives() | odd_archives().map(gzip.compress) | st.binary())
def test_a_module_comes_out_whole_in_kind_or_is_refused(raw: bytes) -> None:
    target = io.BytesIO()
    try:
        unpack(io.BytesIO(raw), target, limit=LIMIT)
    except ModuleRefusedError:
        return
    assert target.getvalue().startswith(MAGIC)
    assert len(target.getvalue()) <= LIMIT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("layers", "manifests", "digest", "size", "mediaType", "auths")
            )
            | st.sampled_from(("platform", "auth", "username", "token", "r.example")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
DOCUMENTS = (
    st.binary(max_size=60)
    | JSON.map(lambda made: json.dumps(made).encode())
    | st.just(manifest(("a/b", b"x")))
)


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS)
def test_a_document_is_read_or_refused(raw: bytes) -> None:
    for read in (
        lambda: inside(raw, "image"),
        lambda: login_for("r.example", raw),
        lambda: token_in(raw),
    ):
        try:
            read()
        except ModuleRefusedError:
            continue


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=80))
def test_words_are_an_image_and_a_challenge_or_refused(text: str) -> None:
    try:
        found = image_reference(text)
        assert set(found.registry + found.repository).isdisjoint("?#@\r\n ")
    except ModuleRefusedError:
        pass
    for header in (text, f'Bearer realm="https://{text}"', f"Bearer realm={text}"):
        try:
            assert challenge(header, "s", plain=True)
        except ModuleRefusedError:
            continue
