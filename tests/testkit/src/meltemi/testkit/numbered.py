"""Configuration whose number each answer tells, and callers who look at that.

A route of an Envoy adds the number of its configuration to what it answers: who calls
it sees on each request how new the routes are that this Envoy holds.
"""

from __future__ import annotations

import contextlib
import http.client
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from meltemi.testkit.beside import Beside
from meltemi.testkit.walkthrough import NETWORKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.up import Up

HEADER = "x-number"
SECONDS = 30


@dataclass(frozen=True)
class Numbers:
    """Writes services' VirtualServices, each with a number."""

    galley: httpx2.Client

    def put(self, name: str, number: int) -> None:
        """Have everybody who calls the service ``name`` be told ``number``."""
        spec = {
            "hosts": [name],
            "http": [
                {
                    "headers": {"response": {"set": {HEADER: str(number)}}},
                    "route": [{"destination": {"host": name}}],
                }
            ],
        }
        body = {
            "apiVersion": NETWORKING,
            "kind": "VirtualService",
            "metadata": {"name": name, "namespace": "default"},
            "spec": spec,
        }
        self.galley.put(self._path(name), json=body).raise_for_status()

    def drop(self, name: str) -> None:
        """Take the VirtualService away."""
        self.galley.delete(self._path(name)).raise_for_status()

    def _path(self, name: str) -> str:
        return f"/apis/{NETWORKING}/namespaces/default/virtualservices/{name}"


@contextlib.contextmanager
def numbers_of(mesh: Up) -> Iterator[Numbers]:
    """Write to ``mesh`` as its administrator while the context lasts."""
    headers = {"Authorization": f"Bearer {mesh.do('token', 'admin').strip()}"}
    url = mesh.url("galley")
    with httpx2.Client(base_url=url, headers=headers, timeout=SECONDS) as client:
        yield Numbers(client)


class Caller(Beside):
    """Calls one URL without a pause: what came of it, and which numbers were told."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.where = urlsplit(url)
        self.seen = Counter[str]()
        self.number = -1
        self.back: list[str] = []
        """Where a number was lower than one before."""

    def work(self) -> None:
        """Call, and look at what is told."""
        open_ = http.client.HTTPConnection(self.where.netloc, timeout=SECONDS)
        while not self.enough.is_set():
            try:
                open_.request("GET", self.where.path)
                answer = open_.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.seen[repr(error)] += 1
                open_.close()
                continue
            self.seen[str(answer.status)] += 1
            self._look(answer.getheader(HEADER))
        open_.close()

    def _look(self, told: str | None) -> None:
        if told is None:
            return
        if int(told) < self.number:
            self.back.append(f"{told} after {self.number}")
        self.number = max(self.number, int(told))
