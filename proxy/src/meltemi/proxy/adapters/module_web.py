"""Asking servers for modules, wherever configuration or a redirect says.

Where that may be is `guarded_fetch`'s to judge (T19). Whom we are is told to the
server that was meant, and to none that it leads to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.runtime.guarded_fetch import (
    REDIRECTS,
    FetchFailedError,
    exchange,
    leads_to,
    place,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meltemi.runtime.guarded_fetch import Guard

AUTHORIZATION: Final = "authorization"
WORDS_BYTES: Final = 64 * 1024
"""The most that is read of what is not a module."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a server said. The body is empty where it went elsewhere."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Taking:
    """Where a body goes, and how much of it is taken."""

    limit: int = WORDS_BYTES
    into: Callable[[bytes], object] | None = None


WORDS: Final = Taking()


def shown(url: str) -> str:
    """Return ``url`` for people: what follows its path may be a secret."""
    return url.partition("?")[0]


async def ask(
    url: str, guard: Guard, headers: Mapping[str, str], taking: Taking = WORDS
) -> Page:
    """Return what the server at ``url`` answers, after redirects; none is a failure.

    Raises:
        FetchRefusedError: If the URL or a redirect leads where ``guard`` does not let.
        FetchFailedError: If a server is not there or says too much, or they lead on
            and on.

    """
    told = dict(headers)
    guard = replace(guard, body_bytes=taking.limit)
    first = place(url, plain=guard.plain)
    for _ in range(guard.redirects + 1):
        where = place(url, plain=guard.plain)
        guard = replace(guard, plain=guard.plain and not where.secure)
        if (where.host, where.port, where.secure) != (
            first.host,
            first.port,
            first.secure,
        ):
            told.pop(AUTHORIZATION, None)
        reply = await exchange(shown(url), where, guard, told, taking.into)
        if reply.status not in REDIRECTS:
            return Page(shown(url), reply.status, reply.headers, reply.body)
        url = leads_to(url, reply.headers.get("location", ""))
    raise FetchFailedError(f"{shown(url)}: more than {guard.redirects} redirects")
