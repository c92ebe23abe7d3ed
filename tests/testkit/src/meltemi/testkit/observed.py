"""A mesh of two workloads whose every word is heard: ``web`` calls ``api``."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import yaml

from meltemi.testkit.agents import local
from meltemi.testkit.collector import Collector, collector
from meltemi.testkit.members import Member, Role, member
from meltemi.testkit.plane import path, plane
from meltemi.testkit.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from meltemi.runtime.settings import Address
    from meltemi.testkit.plane import Plane

HOST = "api.default.svc.cluster.local"
MESH = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: default}
spec:
  hosts: [api.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8080, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: api}}
"""


PROVIDERS = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: collector, namespace: istio-system}}
spec:
  hosts: [collector.obs]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{{number: 4317, name: grpc, protocol: GRPC}}]
  endpoints: [{{address: 127.0.0.1, ports: {{grpc: {port}}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: absent, namespace: istio-system}}
spec:
  hosts: [absent.obs]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{{number: 4317, name: grpc, protocol: GRPC}}]
  endpoints: [{{address: 127.0.0.1, ports: {{grpc: 1}}}}]
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {{name: default, namespace: istio-system}}
spec:
  defaultProviders: {{metrics: [prometheus]}}
  extensionProviders:
  - name: text
    envoyFileAccessLog:
      path: "{log}"
      logFormat: {{text: "%REQ(:PATH)% %RESPONSE_CODE% %REQ(X-WHO)%\\n"}}
  - name: json
    envoyFileAccessLog:
      path: "{log}"
      logFormat: {{labels: {{path: "%REQ(:PATH)%", code: "%RESPONSE_CODE%"}}}}
  - name: otel
    envoyOtelAls:
      service: collector.obs
      port: 4317
      logFormat: {{text: "%REQ(:PATH)%", labels: {{code: "%RESPONSE_CODE%"}}}}
  - name: als
    envoyHttpAls:
      service: collector.obs
      port: 4317
      additionalRequestHeadersToLog: [x-who]
  - {{name: tracer, opentelemetry: {{service: collector.obs, port: 4317}}}}
  - {{name: nobody, opentelemetry: {{service: absent.obs, port: 4317}}}}
"""
"""Everybody who can be told: a file, the collector, and a collector that is away."""


class App(http.server.ThreadingHTTPServer):
    """Answers ok, and remembers the headers of each request by its path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.seen: dict[str, dict[str, str]] = {}


class _Answers(http.server.BaseHTTPRequestHandler):
    server: App
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def do_GET(self) -> None:
        """Answer, and note the headers."""
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.server.seen[self.path] = headers
        self.send_response(404 if self.path.startswith("/absent") else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def app() -> Iterator[App]:
    """Run it while the context lasts."""
    with App() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Observed:
    """The mesh, and where to listen."""

    plane: Plane
    collector: Collector
    web: Member
    api: Member
    to_api: Address
    seen: Mapping[str, dict[str, str]]
    folder: Path
    applied: list[dict[str, Any]] = field(default_factory=list)

    async def apply(self, text: str) -> str:
        """Apply objects; return the newest revision, which every proxy has then."""
        revision = "0"
        for found in yaml.safe_load_all(text):
            if found:
                answer = await self.plane.galley.put(path(found), json=found)
                assert answer.is_success, answer.text
                revision = answer.json()["metadata"]["resourceVersion"]
                self.applied.append(found)
        await self.arrived(revision)
        return revision

    async def arrived(self, revision: str) -> None:
        """Wait until every proxy holds ``revision``."""

        async def everywhere() -> bool:
            answer = await self.plane.galley.get("/api/v1/proxies")
            rows = answer.json()
            rows = rows["items"] if isinstance(rows, dict) else rows
            return len(rows) > 1 and all(
                int(row["revision"] or 0) >= int(revision) for row in rows
            )

        await eventually(everywhere)

    async def clear(self) -> None:
        """Take away what was applied, so that the next test finds the mesh bare."""
        revision = "0"
        for found in reversed(self.applied):
            answer = await self.plane.galley.delete(path(found))
            if answer.is_success:
                revision = answer.json()["metadata"]["resourceVersion"]
        self.applied.clear()
        await self.arrived(revision)

    async def call(
        self, where: str, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Return the answer to a request of ``web``'s application."""
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            url = f"http://{self.to_api}{where}"
            return await client.get(url, headers=dict(headers or {}))

    async def page(self, who: Member) -> str:
        """Return the metrics that a workload's agent tells."""
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            return (await client.get(f"http://{who.status}/stats/prometheus")).text


@contextlib.asynccontextmanager
async def observed(folder: Path) -> AsyncIterator[Observed]:
    """Run the mesh while the context lasts."""
    with collector() as heard, app() as server:
        galley = {
            "GALLEY_TRACING_URL": heard.url,
            "GALLEY_TRUST_BUNDLE_FILE": str(folder / "state" / "root-cert.pem"),
        }
        pilot = {
            "PILOT_TRACING_URL": heard.url,
            "PILOT_METRICS_PROVIDER": "prometheus",
            "PILOT_ACCESS_LOG_FILE": "/dev/stdout",
        }
        async with plane(folder, galley, pilot) as mesh:
            await mesh.apply(MESH)
            with contextlib.ExitStack() as stack:
                at, to_api = local(server.server_port), local()
                roles = (
                    Role("api", "api", ("http", 8080), at),
                    Role("web", "web", None, None, {f"{HOST}:8080": to_api}),
                )
                found = []
                for role in roles:
                    token = await mesh.office.token(role.service)
                    context = member(mesh, folder, role, token)
                    entered = stack.enter_context
                    found.append(await asyncio.to_thread(entered, context))
                made = Observed(
                    mesh, heard, found[1], found[0], to_api, server.seen, folder
                )
                await _through(made)
                yield made


async def _through(made: Observed) -> None:
    """Wait until the two reach each other."""

    async def reaches() -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return (await made.call("/")).status_code == 200
        return False

    await eventually(reaches)
