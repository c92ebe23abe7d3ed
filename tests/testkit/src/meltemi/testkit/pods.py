"""Programs in the pods of a local mesh, as its applications would run."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from meltemi.testkit.up import Up

CALL: Final = """
import json, sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
        print(answer.read().decode())
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code}))
except OSError as error:
    print(json.dumps({"error": str(error)}))
"""
RESOLVE: Final = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"


def in_pod(mesh: Up, pod: str, code: str, *words: str) -> str:
    """Return what Python prints in ``pod``, as its application would."""
    nets = str(mesh.state / "pods" / "nets.json")
    enter = [sys.executable, "-m", "meltemi.ctl.local.pods.enter", nets, pod, "--names"]
    return subprocess.run(
        [*enter, "--", sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.strip()


def called(mesh: Up, pod: str, url: str) -> dict[str, Any]:
    """Return the JSON of ``url`` as ``pod`` gets it, or what was wrong."""
    found: dict[str, Any] = json.loads(in_pod(mesh, pod, CALL, url))
    return found


def resolved(mesh: Up, pod: str, host: str) -> str:
    """Return the address that ``host`` has in ``pod``."""
    return in_pod(mesh, pod, RESOLVE, host)
