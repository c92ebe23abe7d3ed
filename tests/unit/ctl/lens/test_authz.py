from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.testkit.bookinfo import MESH

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = """\
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: reviews}
spec:
  selector: {matchLabels: {app: reviews}}
  mtls: {mode: DISABLE}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH)
    return file


def explained(mesh: Path, *words: str) -> int:
    ends = ["--from", "productpage-v1", "--to", "reviews-v1", "--port", "9080"]
    return execute(["authz", "explain", *ends, "-f", str(mesh), *words])


def test_a_caller_is_who_its_service_account_says(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(mesh, "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["allowed"] is True
    (handshake,) = [each for each in found["steps"] if each["stage"] == "handshake"]
    assert handshake["why"].endswith(
        "spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
    )


def test_a_server_that_speaks_no_tls_takes_no_caller_of_the_mesh(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.write_text(MESH + NOBODY)
    assert explained(mesh) == 1
    assert "refused: " in capsys.readouterr().out


ONE_HOST = """\
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: hosts}
spec:
  selector: {matchLabels: {app: reviews}}
  action: DENY
  rules:
  - to: [{operation: {notHosts: [reviews.default.svc.cluster.local]}}]
    when: [{key: "request.headers[x-team]", notValues: [blue]}]
"""
BYTES = """\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bytes}
spec:
  hosts: [bytes.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  addresses: [10.96.0.12]
  ports:
  - {number: 3306, name: tcp, protocol: TCP, targetPort: 13306}
  - {number: 7777, name: any}
  workloadSelector: {labels: {app: reviews}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gets}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
  - to: [{operation: {methods: [GET], ports: ["9080", "7777", "13306"]}}]
"""


def test_a_request_is_for_the_host_of_the_service_unless_another_is_named(
    mesh: Path,
) -> None:
    mesh.write_text(MESH + ONE_HOST)
    assert explained(mesh) == 0
    assert explained(mesh, "--host", "other") == 1
    assert explained(mesh, "-H", "Host: other") == 1
    assert explained(mesh, "-H", "Host: other", "-H", "x-team: blue") == 0


def test_bytes_lack_what_a_policy_wants_of_requests(mesh: Path) -> None:
    mesh.write_text(MESH + BYTES)
    assert explained(mesh, "--port", "7777") == 0
    assert explained(mesh, "--port", "3306") == 1


def test_a_service_is_called_at_the_port_its_workload_has(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.write_text(MESH + BYTES.replace("methods: [GET], ", ""))
    assert explained(mesh, "--port", "3306") == 0
    assert "port is 13306" in capsys.readouterr().out


def test_a_port_that_none_can_be_is_a_fault_of_usage(mesh: Path) -> None:
    assert explained(mesh, "--port", "700000") == 64
