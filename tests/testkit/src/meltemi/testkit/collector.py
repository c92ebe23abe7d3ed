"""A collector as services and Envoys find one: OTLP in JSON and gRPC, and Envoy's ALS.

What arrives is kept as plain values. It can also be told to accept and never answer.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import importlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from envoy.service.accesslog.v3.als_pb2 import (
    StreamAccessLogsMessage,
    StreamAccessLogsResponse,
)
from google.protobuf.json_format import MessageToDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

PROTO = "opentelemetry.proto.collector"
SPANS_PB2 = importlib.import_module(f"{PROTO}.trace.v1.trace_service_pb2")
RECORDS_PB2 = importlib.import_module(f"{PROTO}.logs.v1.logs_service_pb2")
"""They come with xds-protos, without types."""
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
ALS = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"
WORKERS = 32
"""An access log stream holds one for as long as an Envoy lives."""
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Span:
    """One span, whichever way it came."""

    service: str
    name: str
    trace: str
    own: str
    parent: str
    kind: str
    started: int
    ended: int
    attributes: dict[str, str]
    about: dict[str, str]
    """Of whoever told it: resource attributes."""
    links: tuple[str, ...] = ()
    """Traces it points to."""
    failed: str = ""
    """Why it is an error; empty: it is none."""


@dataclass(frozen=True)
class Record:
    """One record of an OpenTelemetry access log."""

    body: str
    attributes: dict[str, str]
    about: dict[str, str]
    trace: str


@dataclass
class Collector:
    """Where it listens, and what it heard."""

    http: int = 0
    grpc: int = 0
    spans: list[Span] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    """Envoy's own access log entries, as JSON has them."""
    raw: list[bytes] = field(default_factory=list)
    """All that came, to look for what should not have."""
    mute: threading.Event = field(default_factory=threading.Event)
    """Set: whoever calls is kept waiting."""
    calls: int = 0

    @property
    def url(self) -> str:
        """Where OTLP over HTTP is taken."""
        return f"http://127.0.0.1:{self.http}"

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name, by their begin."""
        found = [each for each in self.spans if each.name == name]
        return sorted(found, key=lambda span: span.started)

    def trace(self, trace: str) -> list[Span]:
        """Return the spans of a trace, by their begin."""
        found = [each for each in self.spans if each.trace == trace]
        return sorted(found, key=lambda span: span.started)

    def wait(self) -> None:
        """Keep a caller waiting while it is to be so."""
        self.calls += 1
        while self.mute.is_set():
            time.sleep(POLL_SECONDS)

    def take_spans(self, found: dict[str, Any]) -> None:
        """Take a request of OTLP traces, as JSON has it."""
        for group in found.get("resourceSpans", ()):
            about = _attributes(group.get("resource", {}))
            for scope in _scopes(group, "Spans"):
                for each in scope.get("spans", ()):
                    self.spans.append(_span(each, about))

    def take_records(self, found: dict[str, Any]) -> None:
        """Take a request of OTLP logs, as JSON has it."""
        for group in found.get("resourceLogs", ()):
            about = _attributes(group.get("resource", {}))
            for scope in _scopes(group, "Logs"):
                for each in scope.get("logRecords", scope.get("logs", ())):
                    body = _value(each.get("body", {}))
                    trace = each.get("traceId", "")
                    self.records.append(Record(body, _attributes(each), about, trace))


def _scopes(group: dict[str, Any], what: str) -> list[dict[str, Any]]:
    """Return the groups in a group: an older OTLP calls them otherwise."""
    older = group.get(f"instrumentationLibrary{what}", ())
    return [*group.get(f"scope{what}", ()), *older]


def _span(each: dict[str, Any], about: dict[str, str]) -> Span:
    return Span(
        about.get("service.name", ""),
        each["name"],
        each["traceId"],
        each["spanId"],
        each.get("parentSpanId", ""),
        str(each.get("kind", "")),
        int(each["startTimeUnixNano"]),
        int(each["endTimeUnixNano"]),
        _attributes(each),
        about,
        tuple(link["traceId"] for link in each.get("links", ())),
        _failure(each.get("status", {})),
    )


def _failure(status: dict[str, Any]) -> str:
    """Return why a span is an error, OTLP's code 2, whichever way JSON spells it."""
    is_error = status.get("code") in (2, "STATUS_CODE_ERROR")
    return str(status.get("message", "error")) if is_error else ""


def _attributes(found: dict[str, Any]) -> dict[str, str]:
    given = found.get("attributes", ())
    return {each["key"]: _value(each.get("value", {})) for each in given}


def _value(found: dict[str, Any]) -> str:
    return str(next(iter(found.values()), ""))


@contextlib.contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector while the context lasts."""
    made = Collector()
    with _http(made), _grpc(made):
        try:
            yield made
        finally:
            made.mute.clear()


@contextlib.contextmanager
def _http(made: Collector) -> Iterator[None]:
    class Desk(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            made.wait()
            made.raw.append(data)
            made.take_spans(json.loads(data))
            with contextlib.suppress(OSError):  # who gave up waiting is gone
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    made.http = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        made.mute.clear()
        server.shutdown()
        server.server_close()
        thread.join()


class _Services(grpc.GenericRpcHandler):
    def __init__(self, made: Collector) -> None:
        self._made = made

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        match details.method:
            case str(method) if method == TRACES:
                return self._unary(
                    SPANS_PB2.ExportTraceServiceRequest,
                    SPANS_PB2.ExportTraceServiceResponse(),
                    self._made.take_spans,
                )
            case str(method) if method == LOGS:
                return self._unary(
                    RECORDS_PB2.ExportLogsServiceRequest,
                    RECORDS_PB2.ExportLogsServiceResponse(),
                    self._made.take_records,
                )
            case str(method) if method == ALS:
                return grpc.stream_unary_rpc_method_handler(
                    self._entries,
                    request_deserializer=StreamAccessLogsMessage.FromString,
                    response_serializer=StreamAccessLogsResponse.SerializeToString,
                )
        return None

    def _unary(
        self,
        kind: type[Message],
        answer: Message,
        take: Callable[[dict[str, Any]], None],
    ) -> Any:
        def export(data: bytes, _: object) -> Message:
            self._made.wait()
            self._made.raw.append(data)
            take(_hexed(MessageToDict(kind.FromString(data))))
            return answer

        return grpc.unary_unary_rpc_method_handler(
            export, response_serializer=lambda each: each.SerializeToString()
        )

    def _entries(self, messages: Iterator[StreamAccessLogsMessage], _: object) -> Any:
        with contextlib.suppress(grpc.RpcError):  # an Envoy that ends says nothing
            for message in messages:
                self._made.wait()
                self._made.raw.append(message.SerializeToString())
                for each in (message.http_logs, message.tcp_logs):
                    found = [MessageToDict(entry) for entry in each.log_entry]
                    self._made.entries.extend(found)
        return StreamAccessLogsResponse()


def _hexed(found: Any) -> Any:
    """Return ids as OTLP's JSON has them: in hexadecimal, not in base64."""
    if isinstance(found, list):
        return [_hexed(each) for each in found]
    if not isinstance(found, dict):
        return found
    return {
        key: _id(value) if key in IDS else _hexed(value) for key, value in found.items()
    }


IDS = ("traceId", "spanId", "parentSpanId")


def _id(text: str) -> str:
    return base64.b64decode(text).hex()


@contextlib.contextmanager
def _grpc(made: Collector) -> Iterator[None]:
    server = grpc.server(ThreadPoolExecutor(WORKERS))
    server.add_generic_rpc_handlers((_Services(made),))
    made.grpc = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield
    finally:
        made.mute.clear()
        server.stop(None).wait()
