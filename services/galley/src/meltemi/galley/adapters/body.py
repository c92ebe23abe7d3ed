"""Request bodies, up to a limit, whatever their sender says about their length."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from meltemi.config.decode import TEXT_LIMIT
from meltemi.galley.patch import MERGE, STEPS
from meltemi.galley.refusals import (
    BodyTooLargeError,
    BodyTooSlowError,
    UnsupportedMediaTypeError,
)

if TYPE_CHECKING:
    from fastapi import Request

JSON = frozenset({"application/json"})
READ = frozenset(
    {
        "application/json",
        "application/yaml",
        "application/x-yaml",
        "text/yaml",
        "text/x-yaml",
    }
)
PATIENCE = 16 * TEXT_LIMIT
"""Bytes read and thrown away so that a sender gets to see our answer.

A server that closes on a sender resets the connection, and with it the answer.
"""


BODY_SECONDS = 30.0
"""What a body may take to arrive (threat T5)."""
PATCHES = frozenset({MERGE, STEPS})


async def read_body(request: Request) -> bytes:
    """Return the body, YAML or JSON.

    Raises:
        UnsupportedMediaTypeError: If it is something else, or compressed.
        BodyTooLargeError: If it is over 1 MiB. Never more than that is kept.
        BodyTooSlowError: If it does not arrive within 30 s.

    """
    _media(request, READ, "application/yaml or application/json")
    return await _bytes(request)


async def read_json(request: Request) -> bytes:
    """Return a JSON body; raises what `read_body` does."""
    _media(request, JSON, "application/json")
    return await _bytes(request)


async def read_patch(request: Request) -> tuple[str, bytes]:
    """Return which kind of patch a body is, and the body; raises as `read_body`."""
    media = _media(request, PATCHES, " or ".join(sorted(PATCHES)))
    return media, await _bytes(request)


def _media(request: Request, known: frozenset[str], advice: str) -> str:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in known:
        raise UnsupportedMediaTypeError(
            f"Content-Type {media or '(missing)'!r}: send {advice}"
        )
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise UnsupportedMediaTypeError(
            f"Content-Encoding {encoding!r}: send the text as it is"
        )
    return media


async def _bytes(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request)
    except TimeoutError:
        raise BodyTooSlowError(
            f"the body did not arrive within {BODY_SECONDS:g} s"
        ) from None
    except ClientDisconnect:
        raise BodyTooSlowError("the body ended before its length") from None


async def _read(request: Request) -> bytes:
    kept, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= TEXT_LIMIT:
            kept += chunk
        elif size > PATIENCE:
            break
    if size > TEXT_LIMIT:
        raise BodyTooLargeError(
            f"the body has over {TEXT_LIMIT:,} bytes: send objects one by one"
        )
    return bytes(kept)
