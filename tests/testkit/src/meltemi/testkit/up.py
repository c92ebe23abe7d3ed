"""The demo mesh as a user has it: started, asked and broken by ``meltemi`` alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import psutil

from meltemi.testkit.beside import Beside
from meltemi.testkit.leaks import check_leaks, files_below, overheard
from meltemi.testkit.processes import SYSTEM_PYTHON, anybodys_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CALLERS = 4
COMMAND_SECONDS = 90
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Up:
    """A mesh in a folder of its own."""

    state: Path
    before: tuple[str, ...] = (sys.executable,)
    """What runs ``-m meltemi.ctl``: a Python, or another user's."""

    def run(
        self, *words: str, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``meltemi WORDS`` on this mesh and return what came of it."""
        return subprocess.run(
            [*self.before, "-m", "meltemi.ctl", "--state", str(self.state), *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )

    def do(self, *words: str, stdin: str | None = None) -> str:
        """Run ``meltemi WORDS``; return what it printed, and insist that it worked."""
        result = self.run(*words, stdin=stdin)
        assert result.returncode == 0, (
            f"meltemi {words}: {result.stdout}{result.stderr}"
        )
        return result.stdout

    def apply(self, text: str) -> str:
        """Apply configuration and wait until every proxy holds all of it."""
        said = self.do("apply", "-f", "-", stdin=text)
        waited = [
            self.do("wait", line.split()[0], "--for=distribution")
            for line in said.splitlines()
        ]
        return said + "".join(waited)

    def json(self, *words: str) -> Any:
        """Run ``meltemi WORDS -o json`` and return what it says."""
        return json.loads(self.do(*words, "-o", "json"))

    def status(self) -> dict[str, Any]:
        """Return every part by name."""
        return {each["name"]: each for each in self.json("status")["parts"]}

    def address(self, part: str, kind: str) -> str:
        """Return one of a part's addresses."""
        return str(self.status()[part]["addresses"][kind])

    def url(self, name: str) -> str:
        """Return a URL that a person needs: ``app`` or ``galley``."""
        return str(self.json("status")["urls"][name])

    def proxies(self) -> dict[str, Any]:
        """Return every proxy's row by its name."""
        return {each["proxy"]: each for each in self.json("ps")}

    def processes(self) -> list[psutil.Process]:
        """Return every process that has this mesh's folder in its command or environ."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = [*process.cmdline(), *process.environ().values()]
                if any(str(self.state) in word for word in words):
                    found.append(process)
        return [each for each in found if each.pid != psutil.Process().pid]


@contextlib.contextmanager
def demo(*options: str, user: int = 0) -> Iterator[Up]:
    """Bring the demo up with ``options`` in a temporary folder, and down again.

    ``user`` is whose it is, where we are root.
    """
    with tempfile.TemporaryDirectory(
        prefix="mt-", ignore_cleanup_errors=True
    ) as folder:
        mesh = Up(Path(folder))
        if user:
            os.chown(folder, user, user)
            mesh = Up(Path(folder), as_user(user))
        try:
            mesh.do("up", "--demo", *options)
            with overheard(mesh.address("nats", "client")) as heard:
                yield mesh
            check_leaks({**dumps(mesh), "events": bytes(heard)}, secrets_of(mesh))
        finally:
            mesh.run("down", "--purge")
            shutil.rmtree(folder, ignore_errors=True)


def as_user(
    user: int, *, path: str = os.defpath, capability: str = ""
) -> tuple[str, ...]:
    """Return what runs Python as ``user``, who has no right but to read.

    Or one more, if a ``capability`` is given as setpriv names it.
    """
    kept = [f"--{kind}-caps=+{capability}" for kind in ("inh", "ambient")]
    return (
        *("setpriv", f"--reuid={user}", f"--regid={user}"),
        *("--clear-groups", "--no-new-privs"),
        *(kept if capability else ()),
        *anybodys_python(path),
    )


def no_other_user() -> str:
    """Return why nothing can be run as another user here; empty: it can."""
    if os.geteuid():
        return "running as another user needs root"
    if not Path(SYSTEM_PYTHON).exists():
        return f"{SYSTEM_PYTHON} is not there"
    asked = [SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    ours = " ".join(map(str, sys.version_info[:2]))
    return "" if said.strip() == ours else f"{SYSTEM_PYTHON} is another version"


OPEN = ("logs", "etcd", "citadel/audit.jsonl", "audit.jsonl", "mesh.json")
"""What lies in a mesh's folder for others to read: no secret may stand there."""


def dumps(mesh: Up) -> dict[str, bytes]:
    """Return everything that tells of a mesh, by where it stands."""
    files = files_below(mesh.state)
    found = {
        name: text
        for name, text in files.items()
        if name.startswith(OPEN) or "xds.checkpoint" in name
    }
    for name, part in mesh.status().items():
        if admin := part["addresses"].get("admin"):
            with contextlib.suppress(httpx2.TransportError):
                dump = httpx2.get(f"http://{admin}/config_dump?include_eds")
                found[f"config_dump of {name}"] = dump.content
    return found


def secrets_of(mesh: Up) -> list[bytes]:
    """Return the tokens that a mesh's owner holds."""
    files = [mesh.state / "admin.token", *(mesh.state / "tokens").iterdir()]
    return [file.read_bytes().strip() for file in files]


def eventually(condition: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Return after how many seconds ``condition`` held; fail if it does not in time."""
    begun = time.perf_counter()
    while not condition():
        passed = time.perf_counter() - begun
        assert passed < seconds, f"not within {seconds} s: {what}"
        time.sleep(POLL_SECONDS)
    return time.perf_counter() - begun


def answers(
    url: str, count: int, headers: Mapping[str, str] | None = None
) -> list[httpx2.Response]:
    """Return ``count`` answers of ``url``, asked for over a few connections."""
    with (
        httpx2.Client(timeout=10, headers=dict(headers or {})) as client,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        return list(pool.map(lambda _: client.get(url), range(count)))


def answer(url: str, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    """Return one answer of ``url``."""
    return answers(url, 1, headers)[0]


class Load(Beside):
    """Requests without a pause, counted by what came of them."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.seen = url, Counter[str]()

    def work(self) -> None:
        """Ask, and count what comes."""
        with httpx2.Client(timeout=10) as client:
            while not self.enough.is_set():
                try:
                    self.seen[str(client.get(self.url).status_code)] += 1
                except httpx2.HTTPError as error:
                    self.seen[repr(error)] += 1


def outbound(mesh: Up, proxy: str, service: str) -> str:
    """Return where the application beside ``proxy`` finds ``service``."""
    host = f"{service}.default.svc.cluster.local:9080"
    listeners = mesh.json("pc", "listener", proxy)
    for each in listeners:
        listener = each["active_state"]["listener"]
        place = listener["address"]["socket_address"]
        for chain in listener["filter_chains"]:
            config = chain["filters"][-1]["typed_config"]
            if config.get("rds", {}).get("route_config_name") == host:
                return f"http://{place['address']}:{place['port_value']}"
    raise AssertionError(f"{proxy} has no listener for {service}")
