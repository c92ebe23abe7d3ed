"""The compose mesh of this repository, in a real Docker daemon, for tests."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[5]
DEPLOY = ROOT / "deploy" / "docker"
DAEMON = DEPLOY / "daemon.sh"
BUILT = ("keys", "etcd", "nats", "gateway", "reviews-v1")
"""A service of each image."""
SECONDS = 600
WAIT_SECONDS, POLL_SECONDS = 60.0, 0.2
RESET = "reset"
"""How a connection ends that a proxy takes and cuts: it is no mutual TLS."""
FAST = 3.0
"""Seconds that a request may take."""


class NoDockerError(Exception):
    """There is no daemon, and none can be started; the message says why."""


def docker_there() -> None:
    """Have a Docker daemon answer, which may have to be started first.

    Raises:
        NoDockerError: If there is none to be had.

    """
    made = subprocess.run(
        [str(DAEMON), "up"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if made.returncode:
        raise NoDockerError(made.stderr.strip() or f"exit code {made.returncode}")


def compose_command() -> list[str]:
    """Return Compose: the plugin where it is, or else the program of 1.29."""
    asked = ["docker", "compose", "version"]
    plugin = subprocess.run(asked, capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    return [shutil.which("docker-compose") or "docker-compose"]


def _told(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = (each.partition("=") for each in lines if not each.startswith("#"))
    return {name: value for name, _, value in pairs}


@dataclass
class Load:
    """Requests, one after another, while the context of `ComposeMesh.load` lasts."""

    answered: int = 0
    failed: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class ComposeMesh:
    """A project of its own, beside whatever else runs in the daemon."""

    project: str
    environ: dict[str, str]
    port: int
    command: tuple[str, ...]

    @classmethod
    def new(cls, *files: str) -> ComposeMesh:
        """Return a project that does not run yet, told what ``files`` of ours say."""
        told: dict[str, str] = {}
        for file in files:
            told |= _told(DEPLOY / file)
        port = free_port()
        name = f"meltemi-test-{os.getpid()}-{port}"
        environ = {
            **os.environ,  # noqa: TID251 - the daemon is the machine's
            **told,
            "MELTEMI_TAG": "test",
            "MELTEMI_NETWORK": name,
            "MELTEMI_HTTP_PORT": str(port),
            "MELTEMI_GALLEY_PORT": str(free_port()),
        }
        return cls(name, environ, port, tuple(compose_command()))

    @contextmanager
    def up(self, *services: str) -> Iterator[ComposeMesh]:
        """Run ``services``, or all, while the context lasts; leave nothing behind."""
        try:
            self.run("up", "-d", *services)
            yield self
        except AssertionError as error:
            listed = self.run("ps", "-a", check=False)
            raise AssertionError(f"{error}\n{listed}") from None
        finally:
            self.run("down", "-v", "--remove-orphans", "--timeout", "5", check=False)

    def run(self, *words: str, check: bool = True) -> str:
        """Return what Compose prints; it must succeed, unless not asked to."""
        argv = [*self.command, "-p", self.project, *words]
        ended = subprocess.run(
            argv,
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        if check and ended.returncode:
            said = f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
            raise AssertionError(f"{' '.join(argv)}: exit {ended.returncode}\n{said}")
        return ended.stdout

    def inside(self, service: str, *words: str) -> str:
        """Return what a command prints in the container of ``service``."""
        return self.run("exec", "-T", service, *words)

    def json(self, *words: str) -> Any:
        """Return what ``meltemi WORDS -o json`` answers beside Galley."""
        return json.loads(self.inside("galley", "meltemi", *words, "-o", "json"))

    def get(self, path: str) -> tuple[int, str]:
        """Return what the gateway answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=FAST)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def until(self, condition: Callable[[], bool]) -> None:
        """Return once ``condition`` holds; raise after a minute, telling who runs."""
        deadline = time.perf_counter() + WAIT_SECONDS
        while not condition():
            if time.perf_counter() > deadline:
                raise AssertionError(
                    f"not within {WAIT_SECONDS:.0f} s\n{self.run('ps', '-a')}"
                )
            time.sleep(POLL_SECONDS)

    @contextmanager
    def load(self, path: str, said: str = "") -> Iterator[Load]:
        """Ask for ``path`` all the time; an answer that is not 200 has failed.

        So has one without the words ``said`` in it.
        """
        load, ended = Load(), threading.Event()

        def ask() -> None:
            while not ended.wait(0.02):
                status, text = self.get(path)
                load.answered += 1
                if status != http.HTTPStatus.OK or said not in text:
                    load.failed.append(f"{status} {text[:200]}")

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield load
        finally:
            ended.set()
            thread.join()

    def apply(self, text: str) -> None:
        """Have Galley hold the objects of ``text``."""
        self._tell("apply", text)

    def delete(self, text: str) -> None:
        """Have Galley forget the objects of ``text``."""
        self._tell("delete", text)

    def _tell(self, verb: str, text: str) -> None:
        line = f"echo {shlex.quote(text)} | meltemi {verb} -f -"
        self.inside("galley", "sh", "-c", line)

    def started(self, service: str) -> str:
        """Return when the container of ``service`` was started."""
        container = self.run("ps", "-q", service).strip()
        argv = ["docker", "inspect", "-f", "{{.State.StartedAt}}", container]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def network_of(self, service: str) -> str:
        """Return the network namespace that ``service`` is in."""
        return self.inside(service, "readlink", "/proc/self/ns/net").strip()

    def outsider(self, url: str, network: str = "", method: str = "GET") -> str:
        """Return how a container without a sidecar fares that asks for ``url``.

        It is on the mesh's network, unless another one is named. The answer is
        ``answered STATUS``, `RESET` where the connection was taken and cut, or else
        ``failed WHY``: nobody is there, say.
        """
        ask = (
            "import http.client, sys, urllib.error, urllib.request as r\n"
            "request = r.Request(sys.argv[1], method=sys.argv[2])\n"
            "try: print('answered', r.urlopen(request, timeout=3).status)\n"
            "except urllib.error.HTTPError as error: print('answered', error.code)\n"
            "except (ConnectionResetError, http.client.RemoteDisconnected):\n"
            f"    print({RESET!r})\n"
            "except urllib.error.URLError as error:\n"
            "    cut = isinstance(error.reason, ConnectionResetError)\n"
            f"    print({RESET!r} if cut else f'failed {{error!r}}')\n"
            "except OSError as error: print(f'failed {error!r}')"
        )
        argv = ["docker", "run", "--rm", "--network", network or self.project]
        argv += ["meltemi/demo:test", "python3", "-c", ask, url, method]
        ended = subprocess.run(
            argv, capture_output=True, text=True, check=True, timeout=60
        )
        return ended.stdout.strip()
