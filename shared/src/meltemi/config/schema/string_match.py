"""How a string of a request is compared."""

from typing import ClassVar

from meltemi.config.schema.message import OneOf


class StringMatch(OneOf, frozen=True, kw_only=True):
    """A comparison: at most one of the fields is set. Case-sensitive.

    All unset is legal for headers and query parameters: "it is there".
    """

    ONE_OF: ClassVar = (("exact", "prefix", "regex"),)

    exact: str | None = None
    """The whole string."""
    prefix: str | None = None
    """What the string begins with."""
    regex: str | None = None
    """An RE2 expression that matches the whole string."""
