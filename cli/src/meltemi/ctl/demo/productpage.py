"""productpage: the page that a browser sees, made of details and reviews."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING, Any

from meltemi.ctl.demo.web import Answer, Request, as_json, call, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

OK = 200
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto }}
article {{ border-left: 3px solid #ccd; padding-left: 1rem; margin: 1rem 0 }}
small {{ color: #667 }}
</style></head><body>
<h1>{title}</h1>
{details}
<h2>Reviews</h2>
{reviews}
<p><small>Reviews served by: <b id="version">{version}</b></small></p>
</body></html>
"""


def page(environ: Mapping[str, str], request: Request) -> Answer:
    """Answer the page; a part that does not answer is said to be away."""
    known, book = call(environ, "details", "/details/0", request)
    status, found = call(environ, "reviews", "/reviews/0", request)
    html = PAGE.format(
        title=escape(book["title"] if known == OK else "A book"),
        details=_details(book) if known == OK else "<p>No details just now.</p>",
        reviews=_reviews(found) if status == OK else "<p>No reviews just now.</p>",
        version=escape(found["version"] if status == OK else "nobody"),
    )
    return Answer(html, content_type="text/html; charset=utf-8")


def _details(book: Mapping[str, Any]) -> str:
    facts = (f"{key}: {book[key]}" for key in ("author", "publisher", "year", "pages"))
    return f"<p>{escape(' · '.join(facts))}</p>"


def _reviews(found: Mapping[str, Any]) -> str:
    return "\n".join(
        f"<article><p>{escape(each['text'])}</p>{_rating(each.get('rating'))}"
        f"<small>{escape(each['reviewer'])}</small></article>"
        for each in found["reviews"]
    )


def _rating(rating: Mapping[str, Any] | None) -> str:
    if rating is None:
        return ""
    if "error" in rating:
        return f"<p>{escape(rating['error'])}</p>"
    colour, stars = escape(rating["color"]), int(rating["stars"])
    return f'<p style="color:{colour}">{"★" * stars}{"☆" * (5 - stars)}</p>'


def api_reviews(environ: Mapping[str, str], request: Request) -> Answer:
    """Answer the reviews as JSON, with the version that wrote them."""
    status, found = call(environ, "reviews", "/reviews/0", request)
    return as_json(found, status)


def api_product(environ: Mapping[str, str], request: Request) -> Answer:
    """Answer the details as JSON."""
    status, found = call(environ, "details", "/details/0", request)
    return as_json(found, status)


if __name__ == "__main__":
    environ = dict(os.environ)  # noqa: TID251 - an application of its own
    serve(
        {
            "/productpage": lambda request: page(environ, request),
            "/api/v1/products/0": lambda request: api_product(environ, request),
            "/api/v1/products/0/reviews": lambda request: api_reviews(environ, request),
        },
        environ,
    )
