"""A mesh that other machines reach: the local mesh, with its doors wide open.

Run as ``python -m meltemi.testkit.far_mesh STATE`` on the mesh's machine, it brings the
mesh up in STATE: as ``meltemi up`` does, but Citadel and Pilots listen on all addresses.
A second Galley beside it speaks TLS there; the first stays on loopback, for people.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meltemi.ctl.local.interrupts import interrupts
from meltemi.ctl.local.mesh import LocalMesh, Wish
from meltemi.ctl.local.tools import find_tools
from meltemi.ctl.local.up import bring_up
from meltemi.testkit.processes import Program, python
from meltemi.testkit.web_certificates import web_certificate, web_root

if TYPE_CHECKING:
    from meltemi.ctl.local.part import Part
    from meltemi.testkit.namespaces import Machine

OPEN: Final = (
    "CITADEL_BOOTSTRAP_ADDRESS",
    "CITADEL_RENEWAL_ADDRESS",
    "PILOT_XDS_TLS_ADDRESS",
)
GALLEY_PORT: Final = 15443
SECONDS: Final = 90


@dataclass(frozen=True)
class FarMesh:
    """The mesh on ``machine``, asked there by ``meltemi``."""

    machine: Machine
    state: Path

    @property
    def url(self) -> str:
        """Where other machines find Galley."""
        return f"https://{self.machine.address}:{GALLEY_PORT}"

    @property
    def ca(self) -> Path:
        """Whom to believe there."""
        return self.state / "web-root.pem"

    def do(self, *words: str, stdin: str | None = None) -> str:
        """Run ``meltemi WORDS``; return what it printed, and insist that it worked."""
        command = [*python("meltemi.ctl"), "--state", str(self.state), *words]
        result = subprocess.run(
            self.machine.argv(command),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"
        return result.stdout.strip()

    def json(self, *words: str) -> Any:
        """Run ``meltemi WORDS -o json``; return what it says."""
        return json.loads(self.do(*words, "-o", "json"))

    def up(self) -> None:
        """Bring it up."""
        command = [*python("meltemi.testkit.far_mesh"), str(self.state)]
        subprocess.run(self.machine.argv(command), check=True, timeout=SECONDS)

    def galley(self) -> Program:
        """Return the Galley that speaks TLS, to be started."""
        address = self.machine.address
        shown = web_certificate(address)
        for name, text in (("cert", shown.pem), ("key", shown.key_pem)):
            (self.state / f"web-{name}.pem").write_text(text)
        self.ca.write_text(web_root().pem)
        (part,) = [each for each in _mesh(self.state).parts if each.name == "galley"]
        doors = {
            name: text.replace("127.0.0.1", address)
            for name, text in part.environ.items()
            if name.startswith("GALLEY_JOINING")
        }
        own = {
            "GALLEY_NAME": "galley-far",
            "GALLEY_HTTP_ADDRESS": f"{address}:{GALLEY_PORT}",
            "GALLEY_TLS_CERT_FILE": str(self.state / "web-cert.pem"),
            "GALLEY_TLS_KEY_FILE": str(self.state / "web-key.pem"),
            "GALLEY_AUDIT_FILE": str(self.state / "audit-far.jsonl"),
        }
        environ = {"PATH": os.defpath, **part.environ, **doors, **own}
        argv = self.machine.argv(list(part.argv))
        return Program(argv, self._answers, self.state / "galley-far.log", environ)

    def _answers(self) -> bool:
        code = "import socket,sys; socket.create_connection((sys.argv[1], 15443), 1)"
        argv = [sys.executable, "-c", code, self.machine.address]
        done = subprocess.run(
            self.machine.argv(argv), capture_output=True, check=False, timeout=SECONDS
        )
        return done.returncode == 0


def widened(part: Part) -> Part:
    """Return ``part`` as it listens on every address of its machine."""
    changed = {
        name: text.replace("127.0.0.1", "0.0.0.0") if name in OPEN else text  # noqa: S104 - a machine of a test
        for name, text in part.environ.items()
    }
    return replace(part, environ=changed)


def _mesh(state: Path) -> LocalMesh:
    return LocalMesh.prepare(state, find_tools(), os.environ, wish=Wish())  # noqa: TID251 - it stands for the command


def main(state: Path) -> None:
    """Bring the mesh up in ``state``, and leave it running."""
    mesh = _mesh(state)
    mesh.parts = tuple(map(widened, mesh.parts))
    with interrupts() as interrupt:
        bring_up(mesh, interrupt)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
