"""Request bodies, up to a limit, whatever their sender says about their length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.decode import TEXT_LIMIT
from meltemi.galley.refusals import BodyTooLargeError, UnsupportedMediaTypeError

if TYPE_CHECKING:
    from fastapi import Request

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


async def read_body(request: Request) -> bytes:
    """Return the body, YAML or JSON.

    Raises:
        UnsupportedMediaTypeError: If it is something else, or compressed.
        BodyTooLargeError: If it is over 1 MiB. Never more than that is kept.

    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in READ:
        raise UnsupportedMediaTypeError(
            f"Content-Type {media or '(missing)'!r}: send application/yaml or "
            "application/json"
        )
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise UnsupportedMediaTypeError(
            f"Content-Encoding {encoding!r}: send the text as it is"
        )
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
