from __future__ import annotations

import pytest

from meltemi.config.finding import Finding, Source


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("", ""),
        ("spec.http[0].route[0].weight", "/spec/http/0/route/0/weight"),
        (
            'metadata.labels["app.kubernetes.io/name"]',
            "/metadata/labels/app.kubernetes.io~1name",
        ),
        ('spec.ports["a~b"]', "/spec/ports/a~0b"),
        ('spec.labels[""]', "/spec/labels/"),
    ],
)
def test_a_path_is_also_a_json_pointer(path: str, pointer: str) -> None:
    assert Finding("C", "m", path, Source("f", 1, 1, 1)).pointer == pointer
