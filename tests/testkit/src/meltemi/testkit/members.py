"""Workloads of a control plane: an agent with its Envoy each, as processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from meltemi.testkit.agents import local
from meltemi.testkit.processes import Program, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from meltemi.runtime.settings import Address
    from meltemi.testkit.plane import Plane


@dataclass(frozen=True)
class Role:
    """What a workload is.

    Attributes:
        name: What it is called.
        service: Its label ``app``, and its service account.
        port: Name and number of the service's port, if it serves one.
        app: Where its application listens.
        upstreams: ``HOST:PORT`` of what it calls, and where from.
        more: Further settings of its agent.

    """

    name: str
    service: str
    port: tuple[str, int] | None = None
    app: Address | None = None
    upstreams: Mapping[str, Address] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """A workload that runs."""

    role: Role
    program: Program
    status: Address
    folder: Path

    def readiness(self) -> int:
        """Return what the agent answers who asks if it is ready; 0: nothing."""
        return self.asked("/healthz/ready")

    def asked(self, path: str, method: str = "GET") -> int:
        """Return the status of the agent's answer; 0 without one."""
        request = urllib.request.Request(f"http://{self.status}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310 - as above
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def terminate(self) -> None:
        """Ask the agent to end."""
        assert self.program.process
        self.program.process.terminate()

    def ended(self, seconds: float) -> int:
        """Return the exit code, if it ends in time."""
        assert self.program.process
        return self.program.process.wait(seconds)

    @property
    def envoy(self) -> int:
        """The process of its Envoy; 0: there is none."""
        assert self.program.process
        with contextlib.suppress(psutil.Error):
            for each in psutil.Process(self.program.process.pid).children():
                if any(word.endswith("envoy.json") for word in each.cmdline()):
                    return each.pid
        return 0

    def kill_envoy(self) -> None:
        """End Envoy with SIGKILL."""
        os.kill(self.envoy, signal.SIGKILL)

    def kill_agent(self) -> None:
        """End the agent with SIGKILL, and nobody else."""
        assert self.program.process
        self.program.process.kill()
        self.program.process.wait()

    def is_running(self) -> bool:
        return self.program.process is not None and self.program.process.poll() is None


@contextlib.contextmanager
def member(plane: Plane, folder: Path, role: Role, token: str) -> Iterator[Member]:
    """Run a workload while the context lasts."""
    home = folder / role.name
    home.mkdir(exist_ok=True)
    (home / "token").write_text(token)
    status = local()
    environ = {
        **{name: os.environ[name] for name in ("PATH",)},  # noqa: TID251 - a child's
        **_settings(plane, home, role, status),
    }
    found: list[Member] = []
    program = Program(
        python("meltemi.proxy"),
        lambda: found[0].asked("/joined") == 200,
        home / "log",
        environ,
    )
    found.append(Member(role, program, status, home))
    with running(program):
        yield found[0]


def _settings(plane: Plane, home: Path, role: Role, status: Address) -> dict[str, str]:
    office, inbound = plane.office.settings, local()
    explicit: dict[str, object] = {
        "outbound": {host: str(at) for host, at in role.upstreams.items()}
    }
    entry = {}
    if role.port:
        name, number = role.port
        explicit |= {"inbound": str(inbound), "apps": {str(number): str(role.app)}}
        entry[name] = inbound.port
    told = {
        "NAME": role.name,
        "SERVICE_ACCOUNT": role.service,
        "LABELS": json.dumps({"app": role.service}),
        "CITADEL_BOOTSTRAP": str(office.bootstrap_address),
        "CITADEL_RENEWAL": str(office.renewal_address),
        "ROOT_CERT_FILE": str(office.state_dir / "root-cert.pem"),
        "TOKEN_FILE": str(home / "token"),
        "PILOTS": str(plane.pilot),
        "GALLEY_URL": str(plane.galley.base_url),
        "RUN_DIR": str(home / "run"),
        "ADMIN_ADDRESS": str(local()),
        "STATUS_ADDRESS": str(status),
        "EXPLICIT": json.dumps(explicit),
        "ENTRY_PORTS": json.dumps(entry),
        "CONCURRENCY": "1",
        "DRAIN_SECONDS": "0",
    }
    return {f"AGENT_{name}": text for name, text in {**told, **role.more}.items()}
