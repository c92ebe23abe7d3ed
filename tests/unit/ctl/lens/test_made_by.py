from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.testkit.bookinfo import MESH

if TYPE_CHECKING:
    from pathlib import Path

V2 = "outbound|9080|v2|reviews.default.svc.cluster.local"


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("cluster", V2, "DestinationRule/default/reviews spec.subsets[1]"),
        ("route", "9080", "VirtualService/default/reviews spec.http[1]"),
        ("listener", "0.0.0.0_9080", "ServiceEntry/default/reviews"),
    ],
)
def test_a_resource_names_the_objects_that_made_it(
    tmp_path: Path,
    kind: str,
    name: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH)
    words = ["explain", "proxy/productpage-v1", kind, name, "-f", str(file)]
    assert execute(words) == 0
    assert f"{told} ({file}:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["proxy/productpage-v1", "cluster", "nobody"],
        ["proxy/productpage-v1", "cluster"],
        ["proxy/productpage-v1", "secret", "default"],
        ["VirtualService", "cluster", "x"],
    ],
    ids=" ".join,
)
def test_what_names_no_resource_is_a_wrong_usage(
    tmp_path: Path, words: list[str]
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH)
    assert execute(["explain", *words, "-f", str(file)]) == 64
