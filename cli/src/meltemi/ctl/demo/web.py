"""The little HTTP that the four applications need, from the standard library."""

from __future__ import annotations

import http.client
import json
import signal
import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORWARDED = (
    "x-request-id",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-ot-span-context",
    "end-user",
    "user-agent",
    "authorization",
)
"""What an application passes on so that traces hang together and users are known."""

CALL_SECONDS = 5.0


@dataclass(frozen=True)
class Request:
    """What was asked; header names are in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    body: str
    status: int = 200
    content_type: str = "application/json"


def as_json(value: object, status: int = 200) -> Answer:
    """Answer with ``value``."""
    return Answer(json.dumps(value, indent=1) + "\n", status)


def call(
    environ: Mapping[str, str], service: str, path: str, request: Request
) -> tuple[int, Any]:
    """Ask another service on behalf of ``request``; 503 when nobody answers.

    Where it is stands in ``<SERVICE>_SERVICE_HOST`` and ``<SERVICE>_SERVICE_PORT``,
    the names that Docker and Kubernetes taught everybody.
    """
    name = service.upper()
    host = environ.get(f"{name}_SERVICE_HOST", service)
    port = int(environ.get(f"{name}_SERVICE_PORT", "9080"))
    headers = {key: request.headers[key] for key in FORWARDED if key in request.headers}
    connection = http.client.HTTPConnection(host, port, timeout=CALL_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException):
        return 503, {"error": f"{service} does not answer"}
    except ValueError:
        return answer.status, {"error": f"{service} answers {answer.status}"}
    finally:
        connection.close()


def serve(
    routes: Mapping[str, Callable[[Request], Answer]], environ: Mapping[str, str]
) -> NoReturn:
    """Answer ``routes`` at ``LISTEN_HOST`` (loopback) and ``PORT`` until SIGTERM.

    Every application also answers ``/health``, and ``/headers`` with the headers it
    was sent.
    """
    every = {"/health": _health, "/headers": _headers, **routes}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Answer a GET."""
            path = self.path.partition("?")[0]
            lowered = {name.lower(): value for name, value in self.headers.items()}
            route = every.get(path, _unknown)
            self._send(route(Request(path, lowered)))

        def _send(self, answer: Answer) -> None:
            body = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay quiet: the proxy keeps the access log."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    host = environ.get("LISTEN_HOST", "127.0.0.1")
    with Server((host, int(environ["PORT"])), Handler) as server:
        server.serve_forever()
    sys.exit(0)


def _health(_: Request) -> Answer:
    return as_json({"status": "ok"})


def _headers(request: Request) -> Answer:
    return as_json({"headers": dict(request.headers)})


def _unknown(request: Request) -> Answer:
    return as_json({"error": f"nothing at {request.path}"}, 404)
