"""reviews: what readers say. v1 has no stars, v2 black ones, v3 red ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from meltemi.ctl.demo.web import Answer, Request, as_json, call, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS = {
    "Reader A": "I took it to sea, and it was right about every gust.",
    "Reader B": "Fewer tables and more stories would have pleased me.",
}
COLOURS = {"v2": "black", "v3": "red"}


def reviews(environ: Mapping[str, str], request: Request) -> Answer:
    """Answer the reviews, with stars where this version shows any."""
    version = environ.get("SERVICE_VERSION", "v1")
    colour = COLOURS.get(version)
    stars: dict[str, Any] = {}
    if colour:
        status, found = call(environ, "ratings", "/ratings/0", request)
        stars = _stars(status, found, colour)
    entries = [
        {"reviewer": name, "text": text, **stars.get(name, stars.get("", {}))}
        for name, text in TEXTS.items()
    ]
    return as_json({"id": 0, "version": version, "reviews": entries})


def _stars(status: int, found: Any, colour: str) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if status != 200:  # noqa: PLR2004 - HTTP's "OK"
        return {"": {"rating": {"error": "ratings are not available"}}}
    return {
        name: {"rating": {"stars": count, "color": colour}}
        for name, count in found["ratings"].items()
    }


if __name__ == "__main__":
    environ = dict(os.environ)  # noqa: TID251 - an application of its own
    serve({"/reviews/0": lambda request: reviews(environ, request)}, environ)
