"""From a request to who asks for what; and every write into the audit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meltemi.galley.adapters.answers import OUTCOME
from meltemi.galley.adapters.callers import Evidence
from meltemi.galley.adapters.vigil import Right
from meltemi.galley.admit import Preconditions, Stamp
from meltemi.galley.audit import Record
from meltemi.galley.intent import Asked
from meltemi.galley.permission import (
    ANY,
    Administrator,
    Workload,
    check_reading,
    may_read,
)
from meltemi.galley.refusals import (
    ForbiddenError,
    InvalidQueryError,
    PreconditionFailedError,
)
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fastapi import Request, Response

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.adapters.answers import Handler
    from meltemi.galley.adapters.galley import Galley
    from meltemi.galley.adapters.place import Place
    from meltemi.galley.permission import Caller
    from meltemi.kernel.names import Key

ANONYMOUS = "anonymous"
REASON = "Meltemi-Reason"
LONGEST_REASON = 500
REPEATS = frozenset({"unchanged", PreconditionFailedError.code})
"""Outcomes of a workload that says again what it said before: that is no news."""
Part = tuple[str, str] | None
"""Outcome and revision of one object of a request; None: those of the request."""
DENIED = frozenset({"caller.unauthenticated", "caller.forbidden", "config.reserved"})


@dataclass(frozen=True)
class Writing:
    """A write somebody asks for, before its body is looked at."""

    caller: Caller
    stamp: Stamp
    preconditions: Preconditions
    dry_run: bool
    trace: str = ""

    def asked(self, resource: Resource[Message] | None = None) -> Asked:
        """Return it with what the body says of the revision it was made from."""
        named = "" if resource is None else resource.metadata.resource_version
        headers = self.preconditions
        both = Preconditions(named, headers.if_match, headers.if_none_match)
        return Asked(self.caller, self.stamp, both, self.trace)

    def explained(self, reason: str) -> Writing:
        """Return it with ``reason``, if the caller gave none of its own."""
        stamp = replace(self.stamp, reason=self.stamp.reason or reason)
        return replace(self, stamp=stamp)


@dataclass(frozen=True)
class Reader:
    """Somebody who was let in to read."""

    caller: Caller | None
    """None: anybody, where anybody may."""
    right: Right

    def may_read(self, key: Key) -> bool:
        """Tell whether it may know of the object at ``key``."""
        return self.caller is None or may_read(self.caller, key)


async def writing(galley: Galley, request: Request) -> Writing:
    """Return who asks for what, before a byte of the body is read.

    Raises:
        UnauthenticatedError: If nobody says who asks.
        InvalidQueryError: If ``dryRun`` or the reason makes no sense.

    """
    caller = await galley.callers.identify(evidence_of(request))
    request.state.actor = caller.manager
    if isinstance(caller, Workload):
        request.state.repeats = REPEATS
    dry_run = request.query_params.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise InvalidQueryError(f"dryRun is All or absent, not {dry_run!r}")
    reason = request.headers.get(REASON, "").strip()
    if len(reason) > LONGEST_REASON:
        raise InvalidQueryError(f"{REASON} has over {LONGEST_REASON} characters")
    now = timestamp(galley.clock.now())
    return Writing(
        caller,
        Stamp(caller.manager, now, galley.new_uid(), reason),
        Preconditions(
            "", request.headers.get("if-match"), request.headers.get("if-none-match")
        ),
        dry_run=dry_run == "All",
        trace=request.headers.get("traceparent", ""),
    )


async def check_reader(
    galley: Galley, request: Request, verb: str, place: Place
) -> Reader:
    """Let those read who may: whoever has scopes, only within them.

    Return who it is, and what it may.

    Raises:
        ForbiddenError: If no scope covers it.
        UnauthenticatedError: If it must be said who asks, or that is not believed.

    """
    namespace = ANY if place.namespace is None else place.namespace
    right = Right(evidence_of(request), verb, place.kind.name, namespace)
    caller = await galley.callers.reader(right.evidence)
    right.check(caller)
    return Reader(caller, right)


async def check_administrator(galley: Galley, request: Request) -> str:
    """Let administrators pass; return what they are called.

    Raises:
        ForbiddenError, UnauthenticatedError: Everybody else.

    """
    caller = await galley.callers.identify(evidence_of(request))
    request.state.actor = caller.manager
    if not isinstance(caller, Administrator):
        raise ForbiddenError(f"{caller.manager} is no administrator")
    return caller.manager


async def check_fleet_reader(galley: Galley, request: Request) -> None:
    """Let those see the proxies who may see everything.

    Raises:
        ForbiddenError, UnauthenticatedError: See `check_reader`.

    """
    caller = await galley.callers.reader(evidence_of(request))
    if caller is not None:
        check_reading(caller, "list", ANY, ANY)


def evidence_of(request: Request) -> Evidence:
    """Return what ``request`` shows of who asks."""
    tls = request.scope.get("extensions", {}).get("tls", {})
    shown = tls.get("client_cert_chain", ())
    authorization = request.headers.get("authorization", "")
    return Evidence(authorization, shown[0] if shown else "")


def audited(galley: Galley, verb: str, handler: Handler) -> Handler:
    """Return ``handler`` with a record of every request, whatever becomes of it."""

    async def endpoint(request: Request) -> Response:
        request.state.actor = ANONYMOUS
        request.state.parts = {}
        request.state.repeats = frozenset()
        outcome, revision = "failed", ""
        try:
            answer = await handler(request)
            outcome = answer.headers.get(OUTCOME, "done")
            revision = (answer.headers.get("etag") or "").strip('"')
        except MeshError as error:
            outcome = error.code
            raise
        finally:
            for record in _records(galley, request, verb, (outcome, revision)):
                galley.audit.note(record)
            await galley.audit.settled()
        return answer

    return endpoint


def _records(
    galley: Galley, request: Request, verb: str, whole: tuple[str, str]
) -> Iterator[Record]:
    """Yield a record of each object a request is about, else one of the request."""
    parts: dict[str, Part] = request.state.parts or {request.scope["path"]: None}
    for target, part in parts.items():
        outcome, revision = part or whole
        if outcome in request.state.repeats:
            continue
        yield Record(
            time=timestamp(galley.clock.now()),
            actor=request.state.actor,
            address=request.client.host if request.client else "",
            verb=verb,
            target=target,
            outcome=outcome,
            allowed=outcome not in DENIED,
            revision=revision,
            reason=request.headers.get(REASON, "")[:LONGEST_REASON],
        )


def timestamp(now: datetime) -> str:
    """Return ``now`` in RFC 3339, UTC, with microseconds: ``…T12:00:00.000000Z``."""
    return now.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
