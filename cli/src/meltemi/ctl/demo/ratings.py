"""ratings: how many stars each reader gave."""

from __future__ import annotations

import os

from meltemi.ctl.demo.web import Answer, Request, as_json, serve

STARS = {"Reader A": 5, "Reader B": 4}


def ratings(_: Request) -> Answer:
    """Answer the stars by reader."""
    return as_json({"id": 0, "ratings": STARS})


if __name__ == "__main__":
    environ = dict(os.environ)  # noqa: TID251 - an application of its own
    serve({"/ratings/0": ratings}, environ)
