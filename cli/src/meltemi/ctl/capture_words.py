"""What is said behind the options of ``meltemi capture``: lists, users and groups."""

from __future__ import annotations

import grp
import pwd
from typing import TYPE_CHECKING

from meltemi.proxy.capture.options import InvalidCaptureError

if TYPE_CHECKING:
    from collections.abc import Callable


def listed(flag: str, text: str) -> tuple[str, ...]:
    """Return the words of a list with commas; none for an empty text.

    Raises:
        InvalidCaptureError: If there is nothing between two commas.

    """
    if not text.strip():
        return ()
    words = tuple(each.strip() for each in text.split(","))
    if not all(words):
        raise InvalidCaptureError(
            f"{flag}: {text!r} found, expected a word on both sides of every comma"
        )
    return words


def users(flag: str, text: str) -> tuple[int, ...]:
    """Return the numbers of users that are named, or told by number.

    Raises:
        InvalidCaptureError: If one is not known here.

    """
    return tuple(_number(flag, each, _user) for each in listed(flag, text))


def groups(flag: str, text: str) -> tuple[int, ...]:
    """Return the numbers of groups, as `users` does."""
    return tuple(_number(flag, each, _group) for each in listed(flag, text))


def _number(flag: str, word: str, find: Callable[[str], int]) -> int:
    if word.isascii() and word.isdecimal():
        return int(word)
    try:
        return find(word)
    except KeyError:
        raise InvalidCaptureError(
            f"{flag}: {word!r} found, expected a number or a name that this machine "
            "knows (getent passwd, getent group)"
        ) from None


def _user(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    return grp.getgrnam(name).gr_gid
