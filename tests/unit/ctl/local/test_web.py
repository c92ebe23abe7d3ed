"""What the launcher hears from a part that does not become ready."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

from meltemi.ctl.local.web import lacks
from meltemi.runtime.operations import report
from meltemi.testkit.agents import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(status: int, text: str) -> Iterator[str]:
    """Yield the URL of a server that says nothing else."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/readyz"
        server.shutdown()
        thread.join()


def test_a_part_says_what_it_lacks() -> None:
    text = report({"ledger": "denied: /mesh/v1", "signer": None}, verbose=True)
    with answering(503, text) as url:
        assert lacks(url) == "ledger failed: denied: /mesh/v1"


def test_one_that_is_ready_lacks_nothing_and_silence_is_told() -> None:
    with answering(200, report({"signer": None}, verbose=True)) as url:
        assert lacks(url) == ""
    assert lacks(f"http://{NOWHERE}/readyz") == "nobody answers there"
    assert lacks(f"tcp://{NOWHERE}") == ""
