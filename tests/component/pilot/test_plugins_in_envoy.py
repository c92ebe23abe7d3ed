"""Plugins, run by a real Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.module import NOTHING
from meltemi.testkit.pair import pair

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
---
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {{name: {name}, namespace: default}}
spec:
  priority: {priority}
  match: [{{mode: SERVER}}]
  lua:
    inlineCode: |
      function envoy_on_request(handle)
        local held = handle:headers():get("x-order") or ""
        handle:headers():replace("x-order", held .. "{name} ")
      end
"""
MODULE = """
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: module, namespace: default}}
spec:
  url: {url}
  failStrategy: {strategy}
  type: {kind}
  match: [{{mode: SERVER, ports: [{{number: {port}}}]}}]
"""


def module(
    url: str, strategy: str = "FAIL_CLOSE", kind: str = "HTTP", port: int = 9080
) -> str:
    return MODULE.format(url=url, strategy=strategy, kind=kind, port=port)


def test_scripts_run_by_priority_on_the_side_they_are_for(tmp_path: Path) -> None:
    scripts = SCRIPT.format(name="late", priority=0) + SCRIPT.format(
        name="first", priority=5
    )
    with pair(tmp_path, scripts) as envoy:
        assert envoy.call("/", {}) == 200
        assert envoy.seen[0]["x-order"].split() == ["first", "late"]


@pytest.mark.parametrize("kind", ["HTTP", "NETWORK"])
def test_a_module_is_run_from_a_file(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "nothing.wasm"
    file.write_bytes(NOTHING)
    with pair(tmp_path, module(f"file://{file}", kind=kind)) as envoy:
        assert envoy.call("/", {}) == 200


@pytest.mark.parametrize(
    "url", ["oci://example.com/m:v1", "https://example.com/m.wasm"]
)
@pytest.mark.parametrize(
    ("strategy", "port", "status"),
    [("FAIL_CLOSE", 9080, 403), ("FAIL_OPEN", 9080, 200), ("FAIL_CLOSE", 1, 200)],
)
def test_case_59_what_cannot_be_had_refuses_its_traffic_unless_it_may_fail_open(
    tmp_path: Path, url: str, strategy: str, port: int, status: int
) -> None:
    with pair(tmp_path, module(url, strategy, port=port)) as envoy:
        assert envoy.call("/", {}) == status
