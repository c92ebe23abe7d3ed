"""Keeping one failure from becoming everybody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


@dataclass(frozen=True)
class Failed:
    """A computation that raised, and what it raised."""

    error: Exception


@dataclass(frozen=True)
class Made(Generic[T]):
    """A computation that went well, and its result."""

    value: T


def contained(compute: Callable[[], T]) -> Made[T] | Failed:
    """Run ``compute``, and return its failure instead of raising it.

    For work on one thing out of many, where the others must go on and the failure is
    a bug to report (reliability F-32): the caller keeps what it had before.
    """
    try:
        return Made(compute())
    except Exception as error:  # noqa: BLE001 - any bug in the computation is meant
        return Failed(error)


async def contained_wait(work: Awaitable[T]) -> Made[T] | Failed:
    """Await ``work``, and return its failure instead of raising it, as `contained`.

    Being cancelled is no failure, and is passed on.
    """
    try:
        return Made(await work)
    except Exception as error:  # noqa: BLE001 - as above
        return Failed(error)
