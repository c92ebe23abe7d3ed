"""How a Pilot starts where something it needs is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from meltemi.testkit.processes import free_port


@pytest.mark.full
@pytest.mark.timeout(60)
def test_a_pilot_without_etcd_ends_with_one_line_that_says_so() -> None:
    etcd, nats, xds, http = (f"127.0.0.1:{free_port()}" for _ in range(4))
    ended = subprocess.run(
        [sys.executable, "-m", "meltemi.pilot"],
        env={
            "PILOT_NAME": "pilot-0",
            "PILOT_ETCD_ENDPOINTS": f'["{etcd}"]',
            "PILOT_NATS_URL": f"nats://{nats}",
            "PILOT_XDS_ADDRESS": xds,
            "PILOT_HTTP_ADDRESS": http,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 69
    (line,) = (each for each in ended.stderr.splitlines() if "pilot: " in each)
    assert etcd in line
    assert "start etcd" in line
