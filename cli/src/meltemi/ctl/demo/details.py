"""details: what is printed on the back of the book."""

from __future__ import annotations

import os

from meltemi.ctl.demo.web import Answer, Request, as_json, serve

BOOK = {
    "id": 0,
    "title": "A Field Guide to Winds",
    "author": "I. Etesian",
    "year": 1931,
    "pages": 214,
    "type": "paperback",
    "publisher": "Lighthouse Press",
    "language": "English",
}


def details(_: Request) -> Answer:
    """Answer the facts of the only book we have."""
    return as_json(BOOK)


if __name__ == "__main__":
    environ = dict(os.environ)  # noqa: TID251 - an application of its own
    serve({"/details/0": details}, environ)
