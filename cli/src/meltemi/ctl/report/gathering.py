"""What there is to know of a mesh, from whatever part of it still answers."""

from __future__ import annotations

import json
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import msgspec

from meltemi.config.kinds import KINDS
from meltemi.ctl.doctor import PACKAGES, installed
from meltemi.ctl.galley.change import as_yaml, editable
from meltemi.ctl.galley.connect import SERVER, connect
from meltemi.ctl.galley.ps import HEADING, proxy_row
from meltemi.ctl.galley.target import Target
from meltemi.ctl.galley.transfer import portable
from meltemi.ctl.local.layout import Layout
from meltemi.ctl.local.record import read_record
from meltemi.ctl.local.web import OK, ask
from meltemi.ctl.table import table
from meltemi.ctl.traffic.commands import EDGES, STAT, edge_row, stat_row
from meltemi.galley.traffic import Traffic
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meltemi.ctl.galley.client import Galley

AT_ONCE: Final = 8
TAIL: Final = 2 * 1024 * 1024
"""Bytes of a log that are kept: the last."""
PAGES: Final = {
    "admin": {
        "config_dump.json": "/config_dump?include_eds",
        "clusters.json": "/clusters?format=json",
        "certs.json": "/certs",
        "server_info.json": "/server_info",
        "stats.txt": "/stats",
    },
    "status": {"metrics.txt": "/stats/prometheus", "ready.txt": "/readyz?verbose"},
}
"""Of each proxy, by whom it is asked."""
TAILS: Final = "tails.json"
"""Of which logs only the end was taken: their names, and bytes there were, as JSON."""
LACKS: Final = "lacks.txt"
"""What could not be had, and why."""


class Gathering:
    """Files of a report, and what is missing in it."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.files: dict[str, bytes] = {}
        self._lacks: list[str] = []

    def gather(self) -> dict[str, bytes]:
        """Return all files; what a part does not tell is named in one of them."""
        self._json("versions.json", versions())
        self._galley()
        if not os.environ.get(SERVER):  # noqa: TID251 - where connect looks
            self._local()
        self.files[LACKS] = "".join(f"{each}\n" for each in self._lacks).encode()
        return self.files

    def _json(self, name: str, value: object) -> None:
        self.files[name] = json.dumps(value, indent=1, ensure_ascii=False).encode()

    def _table(self, name: str, rows: Sequence[Sequence[str]]) -> None:
        self.files[name] = f"{table(rows)}\n".encode()

    def _galley(self) -> None:
        try:
            galley = connect(self._state)
            configuration = "".join(self._objects(galley))
            self.files["configuration.yaml"] = configuration.encode()
            rows = self._view(galley, "proxies") or []
            self._table("proxies.txt", [HEADING, *map(proxy_row, rows)])
            self._view(galley, "sources")
            passed = self._view(galley, "stats?window=15m")
        except (MeshError, OSError) as error:
            self._lacks.append(f"galley: {error}")
            return
        if passed is not None:
            found = msgspec.convert(passed, Traffic)
            self._table("stat.txt", [STAT, *map(stat_row, found.workloads)])
            self._table("edges.txt", [EDGES, *map(edge_row, found.edges)])

    def _objects(self, galley: Galley) -> Iterator[str]:
        for kind in KINDS:
            answer = galley.get(Target(kind, "").path)
            if not answer.ok:
                self._lacks.append(f"{kind.name}: Galley answers {answer.status}")
                continue
            for found in answer.body["items"]:
                shown = editable(found)
                shown["metadata"] = portable(shown["metadata"])
                yield f"---\n{as_yaml(shown)}"

    def _view(self, galley: Galley, view: str) -> Any:  # noqa: ANN401 - JSON
        answer = galley.get(f"/api/v1/{view}")
        if not answer.ok:
            self._lacks.append(f"{view}: Galley answers {answer.status}")
            return None
        self._json(f"{view.partition('?')[0]}.json", answer.body)
        return answer.body

    def _local(self) -> None:
        """Add what only this machine can tell: its proxies, and everybody's logs."""
        tails: dict[str, int] = {}
        for name, file in log_files(self._state).items():
            self.files[f"logs/{name}.log"], size = _tail(file)
            if size > TAIL:
                tails[name] = size
                self._lacks.append(
                    f"logs/{name}.log: all but the last {TAIL} of {size} bytes"
                )
        self._json(TAILS, tails)
        record = read_record(self._state)
        if record is None:
            self._lacks.append(f"no mesh is recorded in {self._state}")
            return
        self._json("record.json", msgspec.to_builtins(record))
        layout = Layout(self._state, record.ports, record.epoch)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            list(pool.map(lambda each: self._page(*each), _pages(layout)))

    def _page(self, name: str, url: str) -> None:
        status, body = ask("GET", url)
        if status == OK:
            self.files[name] = body
        else:
            told = body[:200].decode(errors="replace")
            self._lacks.append(f"{name}: {url} answers {status or 'nothing'}: {told}")


def _pages(layout: Layout) -> Iterator[tuple[str, str]]:
    for port in layout.ports:
        proxy, _, door = port.rpartition(".")
        for name, path in PAGES.get(door, {}).items():
            yield f"proxies/{proxy}/{name}", f"http://{layout.at(port)}{path}"


def log_files(state: Path) -> dict[str, Path]:
    """Return the logs of this machine's parts and workloads, by name."""
    files = {file.stem: file for file in sorted((state / "logs").glob("*.log"))}
    for file in sorted((state / "workloads").glob("*/agent.log")):
        files[file.parent.name] = file
    return files


def tails_in(text: bytes) -> frozenset[str]:
    """Return the names of the logs that a report's `TAILS` has; none if it is odd."""
    try:
        return frozenset(msgspec.json.decode(text, type=dict[str, int]))
    except msgspec.MsgspecError:
        return frozenset()


def _tail(file: Path) -> tuple[bytes, int]:
    """Return a log's end, and how many bytes there are of it."""
    with file.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - TAIL))
        return log.read(TAIL), size


def versions() -> dict[str, str]:
    """Return what runs here, by name."""
    names = ("meltemi-cli", *PACKAGES)
    found = {name: installed(name) or "not installed" for name in names}
    python = platform.python_version()
    return {**found, "python": python, "system": platform.platform()}


def secrets_of(state: Path) -> list[bytes]:
    """Return the secrets that lie in the folder of a local mesh."""
    files = [state / "admin.token", state / "secrets.key"]
    for folder in ("tokens", "accounts"):
        files += sorted((state / folder).glob("*"))
    found = [file.read_bytes().strip() for file in files if file.is_file()]
    return [each for each in found if b"\n" not in each]
