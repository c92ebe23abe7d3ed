"""A server that says who it is: ``python -m meltemi.testkit.echo NAME SERVICE…``.

A SERVICE is ``http:PORT``, ``tcp:PORT``, ``check:PORT`` or ``tls:PORT:CHAIN:KEY``. Of
HTTP requests it returns what arrived, as JSON; below ``/flaky/`` the first request for
a path fails. ``/copies`` lists the paths of the requests that it got as copies. One
that checks lets those pass that say ``x-verdict: yes``.
"""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAILED: set[str] = set()
COPIES: list[str] = []


class Http(BaseHTTPRequestHandler):
    """Answers with what was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        length = int(self.headers.get("content-length", "0"))
        self.rfile.read(length)
        status = 200
        if self.path.startswith("/copied/"):
            COPIES.append(self.path)
        if self.path.startswith("/flaky/") and self.path not in FAILED:
            FAILED.add(self.path)
            status = 503
        found = {
            "app": sys.argv[1],
            "peer": self.client_address[0].removeprefix("::ffff:"),
            "path": self.path,
            "method": self.command,
            "headers": {key.lower(): value for key, value in self.headers.items()},
            "copies": COPIES if self.path == "/copies" else [],
        }
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - http.server's name
    do_PUT = do_GET  # noqa: N815 - http.server's name
    do_OPTIONS = do_GET  # noqa: N815 - http.server's name
    do_DELETE = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Check(Http):
    """Answers a proxy that asks whether a request may pass (ext_authz over HTTP)."""

    def do_GET(self) -> None:
        """Answer."""
        passes = self.headers.get("x-verdict") == "yes"
        self.send_response(HTTPStatus.OK if passes else HTTPStatus.FORBIDDEN)
        self.send_header("x-checked", sys.argv[1])
        self.send_header("content-length", "0")
        self.end_headers()


class Bytes(socketserver.StreamRequestHandler):
    """Answers one line with the name and the line."""

    def handle(self) -> None:
        """Answer."""
        line = self.rfile.readline()
        self.wfile.write(sys.argv[1].encode() + b" " + line)


def serve(service: str) -> None:
    """Serve one port until the process ends."""
    kind, port, *files = service.split(":")
    where = ("", int(port))
    if socket.has_dualstack_ipv6():
        socketserver.TCPServer.address_family = socket.AF_INET6  # and IPv4 with it
    server: socketserver.TCPServer
    if kind in ("http", "check"):
        server = ThreadingHTTPServer(where, Check if kind == "check" else Http)
    else:
        server = socketserver.ThreadingTCPServer(where, Bytes)
    if kind == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain, key = files
        context.load_cert_chain(chain, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    for each in sys.argv[2:]:
        threading.Thread(target=serve, args=(each,)).start()
