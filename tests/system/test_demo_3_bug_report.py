"""``meltemi bug-report`` of a mesh that runs, and of one that is half dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.report.archive import read_report
from meltemi.testkit.leaks import check_leaks
from meltemi.testkit.up import Up, answer, secrets_of
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
WORD = "0123456789-only-this-callers-0123456789"
SENDING = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: details, namespace: default}}
spec:
  hosts: [details.default.svc.cluster.local]
  http:
  - headers: {{request: {{set: {{authorization: "Bearer {secret}"}}}}}}
    route: [{{destination: {{host: details.default.svc.cluster.local}}}}]
"""


async def test_7_a_report_tells_all_of_a_mesh_and_no_secret(
    mesh: Up, tmp_path: Path
) -> None:
    file = tmp_path / "report.tar.gz"
    mesh.apply(SENDING.format(secret=WORD))
    assert answer(mesh.url("app")).status_code == 200
    await until(lambda: "productpage-v1" in mesh.do("edges"), seconds=60)
    mesh.do("bug-report", "--file", str(file))
    mesh.do("delete", "virtualservice/details")
    found = read_report(file)
    lacks = found["lacks.txt"].decode().splitlines()
    assert [each for each in lacks if not each.startswith("logs/")] == []
    assert all(": all but the last " in each for each in lacks), "others called a lot"
    check_leaks(found, [*secrets_of(mesh), WORD.encode()])
    assert b"Bearer [redacted]" in found["configuration.yaml"]
    for proxy in ("gateway", "reviews-v1"):
        dump = found[f"proxies/{proxy}/config_dump.json"]
        assert b"outbound|9080||" in dump
    assert b"productpage-v1" in found["edges.txt"]
    assert b"reviews-v1.default" in found["proxies.txt"]
    assert {"logs/galley.log", "versions.json", "stat.txt"} < found.keys()
    text = mesh.do("bug-report", "--from", str(file), "configuration.yaml")
    assert mesh.run("analyze", "-", stdin=text).returncode == 0


def test_7_of_a_mesh_that_is_half_dead_the_report_tells_the_other_half(
    mesh: Up, tmp_path: Path
) -> None:
    file = tmp_path / "report.tar.gz"
    mesh.do("kill", "galley", "details-v1")
    try:
        said = mesh.run("bug-report", "--file", str(file))
    finally:
        mesh.do("start", "galley", "details-v1")
    assert said.returncode == 0, said.stderr
    assert "not in it: galley: " in said.stderr
    found = read_report(file)
    assert b"proxies/details-v1/config_dump.json" in found["lacks.txt"]
    assert "proxies/reviews-v1/config_dump.json" in found
    assert "logs/galley.log" in found
