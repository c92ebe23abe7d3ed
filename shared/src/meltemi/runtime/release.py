"""Having what ended freed at once."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


async def released(work: Awaitable[T]) -> T:
    """Await ``work``; where it raises, let go of all that its frames held.

    An error that passes a TaskGroup is held by a frame that it holds itself. Such a
    circle, and everything the frames below know, would stay until the collector looks
    at the oldest objects: where there are millions of them, that is hardly ever.
    """
    try:
        return await work
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        raise
