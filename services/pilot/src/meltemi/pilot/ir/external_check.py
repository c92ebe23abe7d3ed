"""A service that is asked before a request or connection passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.rbac import Text


@dataclass(frozen=True, slots=True)
class Body:
    """How much of the request's body the service sees."""

    most_bytes: int
    partial: bool = False
    """Send the beginning of a longer one; otherwise it is answered 413."""
    as_bytes: bool = False


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """The service speaks HTTP: these of its and the request's headers pass."""

    path_prefix: str = ""
    sent: tuple[Text, ...] = ()
    added: tuple[tuple[str, str], ...] = ()
    upstream: tuple[Text, ...] = ()
    refused: tuple[Text, ...] = ()
    allowed: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class ExternalCheck:
    """Whom to ask, and what to do without an answer.

    Attributes:
        cluster: Where the service is.
        host: Its name.
        timeout: Nanoseconds.
        http: None when it speaks gRPC.
        allow_on_error: Let pass what could not be asked about.
        status_on_error: HTTP status of what may not; None is Envoy's, 403.
        body: None when the body is not sent.
        clear_route_cache: Choose the route again after the service's changes.

    """

    cluster: str
    host: str
    timeout: int
    http: HttpCheck | None = None
    allow_on_error: bool = False
    status_on_error: int | None = None
    body: Body | None = None
    clear_route_cache: bool = False


@dataclass(frozen=True, slots=True)
class CheckFilter:
    """Ask ``check`` about whatever a shadow rule with that prefix matched."""

    check: ExternalCheck
    matched_prefix: str
