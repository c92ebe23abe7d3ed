"""An application with metrics and health, good and bad, in threads of the test."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDLESS_CHUNK = b"shop_orders 1\n" * 4096
PATIENCE_SECONDS = 30.0


class Shop(ThreadingHTTPServer):
    """Has sold three things; ``well`` tells what ``/health`` answers."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.name = name
        self.well = True
        self.closing = threading.Event()
        self.registry = CollectorRegistry()
        Counter("shop_orders", "What was sold.", registry=self.registry).inc(3)


class _Answers(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        """Answer as the path asks for."""
        with contextlib.suppress(OSError):
            answers: dict[str, Callable[[], None]] = {
                "/metrics": self._metrics,
                "/health": self._health,
                "/name": lambda: self._say(
                    200, "text/plain", self.server.name.encode()
                ),
                "/never": self._never,
                "/endless": self._endless,
                "/page": lambda: self._say(200, "text/html", b"<html>shop</html>"),
                "/cut": self._cut,
                "/away": lambda: self._moved("/health"),
                "/elsewhere": lambda: self._moved("http://elsewhere.example/"),
                "/round": lambda: self._moved("/round"),
            }
            answers.get(self.path, self._missing)()

    def _missing(self) -> None:
        self._say(404, "text/plain", b"shop 1\n")

    def _metrics(self) -> None:
        encode, kind = choose_encoder(self.headers.get("accept", ""))
        self._say(200, kind, encode(self.server.registry))

    def _health(self) -> None:
        status = 200 if self.server.well else 503
        who = self.headers.get("user-agent", "")
        self._say(status, "text/plain", f"well, {who}\n".encode())

    def _never(self) -> None:
        self.server.closing.wait(PATIENCE_SECONDS)

    def _endless(self) -> None:
        self._begin(200, "text/plain")
        while not self.server.closing.is_set():
            self.wfile.write(ENDLESS_CHUNK)

    def _cut(self) -> None:
        self._begin(200, "text/plain", "1000")
        self.wfile.write(b"shop_orders 1\n")

    def _moved(self, where: str) -> None:
        self.send_response(302)
        self.send_header("location", where)
        self.end_headers()

    def _begin(self, status: int, kind: str, length: str = "") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        if length:
            self.send_header("content-length", length)
        self.end_headers()

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self._begin(status, kind, f"{len(body)}")
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def open_shop(name: str = "shop") -> Iterator[Shop]:
    """Run a shop while the context lasts; ``/name`` tells what it is called."""
    with Shop(name) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def shop() -> Iterator[int]:
    """Run a shop while the context lasts; give its port."""
    with open_shop() as server:
        yield server.server_port
