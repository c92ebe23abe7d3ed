from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from meltemi.ctl.demo.productpage import api_reviews, page
from meltemi.ctl.demo.ratings import STARS
from meltemi.ctl.demo.reviews import TEXTS, reviews
from meltemi.ctl.demo.web import Request
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ASKED = Request("/", {"end-user": "jo", "x-b3-traceid": "1", "cookie": "secret"})
BOOK = {"title": "<T>", "author": "A", "publisher": "P", "year": 1, "pages": 2}


@contextmanager
def service(
    name: str, answer: object
) -> Iterator[tuple[dict[str, str], list[Mapping[str, str]]]]:
    """Run a service that answers anything with ``answer``; yield how to find it."""
    seen: list[Mapping[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({key.lower(): value for key, value in self.headers.items()})
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = str(server.server_address[1])
        found = {f"{name}_SERVICE_HOST": "127.0.0.1", f"{name}_SERVICE_PORT": port}
        try:
            yield found, seen
        finally:
            server.shutdown()
            thread.join()


def nowhere(name: str) -> dict[str, str]:
    port = str(free_port())
    return {f"{name}_SERVICE_HOST": "127.0.0.1", f"{name}_SERVICE_PORT": port}


def test_reviews_v1_shows_no_stars_and_asks_nobody() -> None:
    answer = json.loads(reviews({"SERVICE_VERSION": "v1"}, ASKED).body)

    assert answer["version"] == "v1"
    assert [each["reviewer"] for each in answer["reviews"]] == list(TEXTS)
    assert not any("rating" in each for each in answer["reviews"])


def test_reviews_v3_shows_red_stars_and_passes_on_who_asks() -> None:
    with service("RATINGS", {"ratings": STARS}) as (environ, seen):
        answer = json.loads(reviews({"SERVICE_VERSION": "v3", **environ}, ASKED).body)

    assert answer["reviews"][0]["rating"] == {"stars": 5, "color": "red"}
    assert seen[0]["end-user"] == "jo"
    assert seen[0]["x-b3-traceid"] == "1"
    assert "cookie" not in seen[0]


def test_reviews_v2_says_so_when_ratings_are_away() -> None:
    environ = {"SERVICE_VERSION": "v2", **nowhere("RATINGS")}
    answer = json.loads(reviews(environ, ASKED).body)

    assert answer["reviews"][0]["rating"] == {"error": "ratings are not available"}


def test_the_page_shows_the_book_the_stars_and_the_version() -> None:
    found = {
        "version": "v2",
        "reviews": [
            {"reviewer": "R", "text": "T", "rating": {"stars": 4, "color": "black"}}
        ],
    }
    with service("DETAILS", BOOK) as (one, _), service("REVIEWS", found) as (two, _):
        html = page({**one, **two}, ASKED).body
        as_json = api_reviews(two, ASKED)

    assert "<h1>&lt;T&gt;</h1>" in html
    assert "★★★★☆" in html
    assert '<b id="version">v2</b>' in html
    assert json.loads(as_json.body)["version"] == "v2"


def test_the_page_answers_although_nobody_else_does() -> None:
    environ = {**nowhere("DETAILS"), **nowhere("REVIEWS")}
    answer = page(environ, ASKED)

    assert answer.status == 200
    assert "No reviews just now." in answer.body
    assert api_reviews(environ, ASKED).status == 503
