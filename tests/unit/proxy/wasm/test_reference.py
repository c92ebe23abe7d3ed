from __future__ import annotations

import pytest

from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.reference import ImageReference, image_reference

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("oci://r.example/a/b:v1", ImageReference("r.example", "a/b", "v1")),
        ("r.example/a", ImageReference("r.example", "a", "latest")),
        ("r.example:5000/a", ImageReference("r.example:5000", "a", "latest")),
        ("localhost/a:1", ImageReference("localhost", "a", "1")),
        ("[::1]:5000/a", ImageReference("[::1]:5000", "a", "latest")),
        ("a:v1", ImageReference("registry-1.docker.io", "library/a", "v1")),
        ("docker.io/a/b", ImageReference("registry-1.docker.io", "a/b", "latest")),
        (f"r.example/a@{DIGEST}", ImageReference("r.example", "a", "latest", DIGEST)),
        (f"r.example/a:v1@{DIGEST}", ImageReference("r.example", "a", "v1", DIGEST)),
    ],
)
def test_an_image_is_named_as_people_name_it(text: str, found: ImageReference) -> None:
    assert image_reference(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oci://",
        "r.example/",
        "r.example/../a",
        "r.example/A",
        "r.example/a:-v",
        "r.example/a:v 1",
        "r.example/a@sha256:short",
        f"r.example/a@md5:{'a' * 64}",
        "user:word@r.example/a",
        "r.example?x=y/a",
        "r.example/a?b",
        f"r.example/{'a' * 300}",
        "r.example/a\r\nhost: b",
    ],
)
def test_what_is_no_image_is_refused(text: str) -> None:
    with pytest.raises(ModuleRefusedError, match="is no image"):
        image_reference(text)


def test_a_digest_is_asked_for_before_a_tag_and_does_not_move() -> None:
    assert image_reference(f"r.example/a:latest@{DIGEST}").asked == DIGEST
    assert not image_reference(f"r.example/a:latest@{DIGEST}").moves
    assert image_reference("r.example/a").moves
    assert not image_reference("r.example/a:v1").moves
