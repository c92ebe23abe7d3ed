"""Who may do what, as conditions on a request or a connection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Compare(StrEnum):
    """How a text is compared; regular expressions are RE2 and match all of it."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    REGEX = "regex"
    PRESENT = "present"
    """Any, as long as it is there; headers only."""


@dataclass(frozen=True, slots=True)
class Text:
    """A comparison of a text."""

    compare: Compare
    value: str = ""
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A range of addresses."""

    address: str
    length: int


@dataclass(frozen=True, slots=True)
class Anything:
    """Always holds."""


@dataclass(frozen=True, slots=True)
class All:
    """Holds when each of ``parts`` does."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Holds when one of ``parts`` does."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when ``part`` does not."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Header:
    """A header, or a pseudo-header such as ``:method``."""

    name: str
    text: Text


@dataclass(frozen=True, slots=True)
class Path:
    """The path, without its query."""

    text: Text


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """The path, in Envoy's template language: ``*`` one part, ``**`` any number."""

    template: str


@dataclass(frozen=True, slots=True)
class DestinationAddress:
    """Where the connection was meant to go."""

    block: Block


@dataclass(frozen=True, slots=True)
class DestinationPort:
    """The port the connection was meant for."""

    port: int


@dataclass(frozen=True, slots=True)
class ServerName:
    """The name asked for in the TLS handshake."""

    text: Text


@dataclass(frozen=True, slots=True)
class Peer:
    """The URI in the peer's certificate, ``spiffe://…``."""

    text: Text


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """The address of the peer itself."""

    block: Block


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """The address of the original client, as trusted proxies report it."""

    block: Block


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value that is one of the texts; the value may be a list, which holds one."""

    texts: tuple[Text, ...]
    in_list: bool = False


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an earlier filter found out.

    Attributes:
        filter: Whose finding it is.
        path: Where in it.
        any_of: Of these one must hold.

    """

    filter: str
    path: tuple[str, ...]
    any_of: tuple[OneOf, ...]


Condition = (
    Anything
    | All
    | Either
    | Not
    | Header
    | Path
    | PathTemplate
    | DestinationAddress
    | DestinationPort
    | ServerName
    | Peer
    | PeerAddress
    | ClientAddress
    | Metadata
)


class Verdict(StrEnum):
    """What becomes of what matches."""

    ALLOW = "ALLOW"
    """Whatever matches nothing is refused."""
    DENY = "DENY"
    LOG = "LOG"


@dataclass(frozen=True, slots=True)
class Grant:
    """Holds when one of ``operations`` and one of ``callers`` does.

    Attributes:
        name: Unique in its rules; it comes back in logs and metadata.
        operations: Conditions on what is asked for.
        callers: Conditions on who asks.

    """

    name: str
    operations: tuple[Condition, ...]
    callers: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What one filter goes by."""

    verdict: Verdict
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """A filter that decides by rules.

    Attributes:
        rules: Those that are enforced; None enforces nothing.
        shadow: Those whose outcome is only noted down.
        shadow_prefix: Of the statistics and metadata the note goes to.

    """

    rules: Rules | None = None
    shadow: Rules | None = None
    shadow_prefix: str = ""
