from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.ctl.traffic import tap
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE = {
    "http_buffered_trace": {"request": {"headers": [{"key": ":path", "value": "/x"}]}}
}


class Admin(http.server.BaseHTTPRequestHandler):
    answer: tuple[int, bytes]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, body = self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Admin]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Admin)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    place = f"127.0.0.1:{server.server_port}"
    monkeypatch.setattr(tap, "admin_of", lambda *_: place)
    yield Admin
    server.shutdown()
    server.server_close()
    thread.join()


def test_it_ends_after_as_many_as_are_wanted(
    admin: type[Admin], capsys: pytest.CaptureFixture[str]
) -> None:
    admin.answer = (200, json.dumps(TRACE).encode() * 5)
    assert execute(("tap", "web", "--max", "2", "-o", "json")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(each)["path"] for each in lines] == ["/x", "/x"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Unknown config id 'meltemi'. No extension", "PILOT_FEATURES"),
        ("An attached /tap admin stream already exists.", "somebody else listens"),
        ("bad", "Envoy lets nobody listen: bad"),
    ],
)
def test_an_envoy_that_refuses_is_explained(
    admin: type[Admin], capsys: pytest.CaptureFixture[str], said: str, meant: str
) -> None:
    admin.answer = (400, said.encode())
    assert execute(("tap", "web")) == 69
    assert meant in capsys.readouterr().err


def test_a_header_without_a_value_is_no_wish(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert execute(("tap", "web", "--header", "x-user")) == 64
    assert "NAME=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("status", ["5", "50x", "xx", "600", "5xxx"])
def test_a_status_that_no_answer_has_is_no_wish(
    capsys: pytest.CaptureFixture[str], status: str
) -> None:
    assert execute(("tap", "web", "--status", status)) == 64
    assert "such as 503, or 5xx" in capsys.readouterr().err
