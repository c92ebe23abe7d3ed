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


PATCHES = """\
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: slow, namespace: default}
spec:
  configPatches:
  - applyTo: CLUSTER
    match: {cluster: {service: reviews.default.svc.cluster.local}}
    patch: {operation: MERGE, value: {connect_timeout: 3s}}
  - applyTo: CLUSTER
    match: {cluster: {service: nobody.example.com}}
    patch: {operation: MERGE, value: {connect_timeout: 3s}}
"""


def test_a_patch_tells_how_often_it_met_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH + PATCHES)
    words = ["explain", "proxy/productpage-v1", "patch", "default/slow", "-f"]
    assert execute([*words, str(file)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("EnvoyFilter/default/slow spec.configPatches[0] (")
    assert first.endswith("): matches 3")
    assert second.endswith("): matches 0")


def test_a_patch_for_other_proxies_is_a_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH)
    words = ["explain", "proxy/productpage-v1", "patch", "default/slow", "-f"]
    assert execute([*words, str(file)]) == 64
