"""What people should know about a write that is allowed: in its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.finding import Severity
from meltemi.config.rules.check import check
from meltemi.config.schema.envoy_filter import EnvoyFilter
from meltemi.galley.envoy_values import check_values
from meltemi.galley.foresight import Change
from meltemi.galley.permission import may_read
from meltemi.galley.warned import Warned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastapi import Response

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.adapters.asking import Writing
    from meltemi.galley.adapters.galley import Galley
    from meltemi.galley.admit import Held
    from meltemi.galley.objects import Outcome

MOST = 32
"""Warnings in headers of one answer: clients read no more than 100 headers."""
MOST_IN_BODY = 100
LONGEST = 600
NOT_IN_HEADERS = str.maketrans({'"': "'", "\r": " ", "\n": " ", "\\": "/"})


def warned(
    galley: Galley, wish: Writing, outcomes: Sequence[Outcome]
) -> tuple[Warned, ...]:
    """Return everything that is odd about what was written together.

    What the analyzers say is among it: about the objects themselves, and newly about
    others that refer to them. What was written is known from here on.
    """
    found = [
        each
        for outcome in outcomes
        if not outcome.removed
        for each in _door(outcome.held.resource)
    ]
    changes = [
        Change(_readable(each.before), None if each.removed else each.held.resource)
        for each in outcomes
    ]
    found += galley.foresight.warnings(
        changes, lambda key: may_read(wish.caller, key), dry_run=wish.dry_run
    )
    for each in outcomes:
        if each.written:
            resource = each.held.resource
            left = None if each.removed else resource
            galley.foresight.note(resource.key, left, each.held.revision)
    return tuple(dict.fromkeys(found))


def listed(found: Sequence[Warned]) -> dict[str, object]:
    """Return what a body that is no object says of ``found``: nothing for none."""
    return {"warnings": found[:MOST_IN_BODY]} if found else {}


def warn(answer: Response, found: Sequence[Warned]) -> Response:
    """Return ``answer`` with a header for each of ``found``."""
    for each in found[:MOST]:
        answer.headers.append("Warning", f'299 galley "{_spelled(str(each))}"')
    if len(found) > MOST:
        more = f"{len(found) - MOST} more: meltemi analyze says all"
        answer.headers.append("Warning", f'299 galley "{more}"')
    return answer


def _door(resource: Resource[Message]) -> Iterator[Warned]:
    """Yield what is odd about an object alone."""
    key = resource.key
    values = (
        check_values(resource.spec) if isinstance(resource.spec, EnvoyFilter) else ()
    )
    for finding in (*check(resource), *values):
        if finding.severity is not Severity.ERROR:
            yield Warned.about(key, finding.code, finding.message, finding.path)


def _readable(held: Held | None) -> Resource[Message] | None:
    return held.resource if held is not None and held.readable else None


def _spelled(line: str) -> str:
    """Return ``line`` as it can stand in a header (RFC 9110 §5.5)."""
    text = line.translate(NOT_IN_HEADERS)[:LONGEST]
    return text.encode("ascii", "replace").decode()
