"""The scalar types of Istio's configuration that JSON has no word for."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Annotated, Final

from msgspec import Meta

from meltemi.kernel.errors import Blame, MeshError

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
NaturalInt32 = Annotated[int, Meta(ge=0, le=2**31 - 1)]
UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
UInt64 = Annotated[int, Meta(ge=0, extra={"bits": 64})]
"""Protobuf's JSON writes these as strings, so the door reads digits in quotes too."""
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, extra={"bits": 64})]
PortNumber = Annotated[int, Meta(ge=1, le=65_535)]
Percentage = Annotated[float, Meta(ge=0, le=100)]

NANOSECONDS: Final = 1_000_000_000
UNITS: Final = {
    "h": 3_600 * NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "s": NANOSECONDS,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "ns": 1,
}
LIMIT: Final = 315_576_000_000 * NANOSECONDS
"""Ten thousand years: the longest google.protobuf.Duration, either way."""
NUMBER: Final = r"(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})"
TERM: Final = re.compile(rf"({NUMBER})(h|ms|m|s|us|µs|ns)")
DURATION: Final = re.compile(rf"([+-]?)((?:{NUMBER}(?:h|ms|m|s|us|µs|ns)){{1,16}})")


class InvalidDurationError(MeshError, ValueError):
    """A string does not spell a duration."""

    code = "config.duration"
    blame = Blame.CALLER


@total_ordering
class Duration:
    """A length of time, exact to the nanosecond. Immutable.

    Attributes:
        nanoseconds: The length; negative is possible, as in protobuf.

    """

    __slots__ = ("nanoseconds",)

    nanoseconds: int

    def __init__(self, nanoseconds: int) -> None:
        if not -LIMIT <= nanoseconds <= LIMIT:
            raise InvalidDurationError(
                f"{nanoseconds} ns is longer than 10,000 years: write less"
            )
        object.__setattr__(self, "nanoseconds", nanoseconds)

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Return the duration that ``text`` spells: ``1h1m5.5s``, ``0.5s``, ``10ms``.

        Digits below a nanosecond are cut off.

        Raises:
            InvalidDurationError: If ``text`` is not a duration or exceeds ±10,000
                years.

        Source:
            Go's time.ParseDuration, which Istio's API server uses; the JSON form of
            google.protobuf.Duration ("5.5s") is a part of it.

        """
        if text in ("0", "+0", "-0"):
            return cls(0)
        match = DURATION.fullmatch(text)
        if match is None:
            raise InvalidDurationError(
                f"{text!r} is not a duration: write digits with a unit, "
                "such as 500ms, 10s or 1h30m"
            )
        total = sum(_term(*each) for each in TERM.findall(match[2]))
        return cls(-total if match[1] == "-" else total)

    @property
    def seconds(self) -> float:
        """The length in seconds, as near as a float comes."""
        return self.nanoseconds / NANOSECONDS

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} of a Duration cannot change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name} of a Duration cannot change")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self.nanoseconds == other.nanoseconds

    def __lt__(self, other: Duration) -> bool:
        return self.nanoseconds < other.nanoseconds

    def __hash__(self) -> int:
        return hash((Duration, self.nanoseconds))

    def __repr__(self) -> str:
        return f"Duration({self.nanoseconds})"

    def __str__(self) -> str:
        """Spell it in seconds, with no more decimals than it needs: ``3600s``."""
        whole, rest = divmod(abs(self.nanoseconds), NANOSECONDS)
        sign = "-" if self.nanoseconds < 0 else ""
        decimals = f".{rest:09d}".rstrip("0") if rest else ""
        return f"{sign}{whole}{decimals}s"


def _term(number: str, unit: str) -> int:
    whole, _, decimals = number.partition(".")
    scale = UNITS[unit]
    fraction = int(decimals or "0") * scale // int("1" + "0" * len(decimals))
    return int(whole or "0") * scale + fraction


def decode_value(kind: type, value: object) -> object:
    """Read the types msgspec leaves to us: its ``dec_hook``.

    They are `Duration`, and ``object``, which takes any JSON as it is.

    Raises:
        InvalidDurationError: If ``value`` is a string and no duration.
        TypeError: If another type is asked for, or ``value`` is not a string.

    """
    if kind is object:
        return value
    if kind is not Duration or not isinstance(value, str):
        raise TypeError(f"expected a duration, found {type(value).__name__}")
    return Duration.parse(value)


def encode_value(value: object) -> str:
    """Write the one type msgspec does not know: its ``enc_hook``.

    Raises:
        TypeError: If ``value`` is anything else.

    """
    if not isinstance(value, Duration):
        raise TypeError(f"{type(value).__name__} has no JSON form here")
    return str(value)
