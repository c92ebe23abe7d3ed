from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from meltemi.ctl.traffic.prometheus import PrometheusError, counted, query
from meltemi.stats.counts import number, quantile
from meltemi.stats.edge import Edge, End

if TYPE_CHECKING:
    from collections.abc import Iterator

LABELS = {
    "reporter": "source",
    "source_workload": "web",
    "source_workload_namespace": "shop",
    "source_principal": "p",
    "destination_workload": "api",
    "destination_workload_namespace": "default",
    "destination_principal": "q",
    "destination_service": "api.local",
    "request_protocol": "http",
    "connection_security_policy": "unknown",
}
EDGE = Edge(
    "source", End("web", "shop", "p"), End("api", "default", "q"), "api.local", "http",
    "unknown",
)  # fmt: skip


@contextmanager
def prometheus(answers: dict[str, list[Any]], status: int = 200) -> Iterator[str]:
    """Answer each question with what is said of its metric; give the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (asked,) = parse_qs(urlsplit(self.path).query)["query"]
            found = [said for name, said in answers.items() if f"({name}[" in asked]
            body = json.dumps({"data": {"result": found[0] if found else []}}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def sample(value: str, **more: str) -> dict[str, Any]:
    return {"metric": LABELS | more, "value": [1.5, value]}


def test_what_prometheus_scraped_is_the_same_edges() -> None:
    answers = {
        "istio_requests_total": [
            sample("30", response_code="200", grpc_response_status=""),
            sample("2.0", response_code="503", grpc_response_status=""),
        ],
        "istio_request_duration_milliseconds_bucket": [
            sample("16", le="5.0"),
            sample("32", le="10"),
            sample("32", le="+Inf"),
            sample("32", le="30000.0"),
        ],
    }
    with prometheus(answers) as url:
        (found,) = counted(url, 3600)
    assert found.edge == EDGE
    assert number(found.counts, "requests") == 32
    assert number(found.counts, "failed") == 2
    assert quantile(found.counts, 0.5) == 5.0


def test_a_question_asks_for_the_growth_in_the_window_by_the_labels_of_an_edge() -> (
    None
):
    assert query("istio_requests_total", 3600).startswith(
        "sum by (reporter,source_work"
    )
    assert "(increase(istio_requests_total[3600s]))" in query(
        "istio_requests_total", 3600
    )


def test_a_prometheus_that_does_not_answer_is_named() -> None:
    with (
        prometheus({}, status=500) as url,
        pytest.raises(PrometheusError, match="status 500"),
    ):
        counted(url, 60)
    with pytest.raises(PrometheusError, match=r"PROMETHEUS_URL http://127\.0\.0\.1:1"):
        counted("http://127.0.0.1:1", 60)
