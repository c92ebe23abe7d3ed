"""``kitchen.py NAME PORT [URL ...]``: says who it is, who asked, what others say.

Plain HTTP of the standard library, as if there were no mesh.
"""

from __future__ import annotations

import json
import platform
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, PORT, *OTHERS = sys.argv[1:]
SECONDS = 5


def asked(url: str) -> object:
    """Return what another one says."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - ours
            return json.load(answer)
    except OSError as error:
        return str(error)


class Kitchen(BaseHTTPRequestHandler):
    """Answers everything, and asks the others for a menu."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer as JSON."""
        said = {
            "name": NAME,
            "host": platform.node(),
            "caller": self.headers.get("x-forwarded-client-cert"),
            "others": [asked(url) for url in OTHERS if self.path == "/menu"],
        }
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", int(PORT)), Kitchen).serve_forever()  # noqa: S104 - a container
