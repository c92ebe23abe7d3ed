"""JSON to plain values, refusing what JSON readers quietly let pass."""

from __future__ import annotations

import json
from math import isfinite
from typing import Final

from meltemi.config.extent import excess_of, is_deep

LONGEST_INTEGER: Final = 40


class NotStrictJsonError(ValueError):
    """The text is not JSON, or repeats a key, or holds a number JSON cannot."""


class NotJsonNumberError(NotStrictJsonError):
    """The text would be JSON, but for the number ``word``."""

    def __init__(self, message: str, word: str) -> None:
        super().__init__(message)
        self.word = word


def load(text: str) -> object:
    """Return the value of ``text``.

    Raises:
        NotJsonNumberError: If it holds a number that is not finite or has over 40
            digits.
        NotStrictJsonError: If it is malformed, nested too deep, too long, or repeats
            a key in an object.

    """
    excess = excess_of(text)
    if excess is not None:
        raise NotStrictJsonError(f"{excess.message}: {excess.hint}")
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_int=_short,
            parse_constant=_no_constant,
        )
    except RecursionError as error:
        raise NotStrictJsonError("nested too deep") from error
    except NotStrictJsonError:
        raise
    except ValueError as error:
        raise NotStrictJsonError(str(error)) from error
    if is_deep(text):
        raise NotStrictJsonError("nested too deep")
    if "\\u" in text:
        _check_pairs(value)
    return value


def _check_pairs(value: object) -> None:
    """Refuse half of a surrogate pair: no text in UTF-8 can hold it (RFC 8259 §8.2)."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise NotStrictJsonError(f"{half} is half of a character") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotStrictJsonError("a key stands twice in one object")
    return made


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise NotJsonNumberError(f"{text} is out of range", text)
    return number


def _short(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        message = f"an integer has over {LONGEST_INTEGER} digits"
        raise NotJsonNumberError(message, text)
    return int(text)


def _no_constant(text: str) -> float:
    raise NotJsonNumberError(f"{text} is not JSON", text)
