"""What people should know about a write that is allowed: as headers of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.finding import Severity
from meltemi.config.kinds import WITHOUT_EFFECT
from meltemi.config.rules.check import check
from meltemi.config.schema.envoy_filter import EnvoyFilter
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.config.without_effect import without_effect
from meltemi.galley.envoy_values import check_values
from meltemi.galley.foresight import Change
from meltemi.galley.permission import may_read

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
"""Warnings of one answer: clients read no more than 100 headers."""
LONGEST = 600
NOT_IN_HEADERS = str.maketrans({'"': "'", "\r": " ", "\n": " ", "\\": "/"})


def warn(
    galley: Galley, wish: Writing, answer: Response, outcomes: Sequence[Outcome]
) -> None:
    """Add a header for everything that is odd about what was written together.

    What the analyzers say is among it: about the objects themselves, and newly about
    others that refer to them. What was written is known from here on.
    """
    lines = [
        line
        for each in outcomes
        if not each.removed
        for line in _door(each.held.resource)
    ]
    changes = [
        Change(_readable(each.before), None if each.removed else each.held.resource)
        for each in outcomes
    ]
    lines += galley.foresight.warnings(
        changes, lambda key: may_read(wish.caller, key), dry_run=wish.dry_run
    )
    for each in outcomes:
        if each.written:
            resource = each.held.resource
            left = None if each.removed else resource
            galley.foresight.note(resource.key, left, each.held.revision)
    for line in dict.fromkeys(lines[:MOST]):
        answer.headers.append("Warning", f'299 galley "{_spelled(line)}"')
    if len(lines) > MOST:
        more = f"{len(lines) - MOST} more: meltemi analyze says all"
        answer.headers.append("Warning", f'299 galley "{more}"')


def _door(resource: Resource[Message]) -> Iterator[str]:
    """Yield what is odd about an object alone."""
    if resource.kind in WITHOUT_EFFECT:
        yield f"NO_EFFECT {resource.kind} is stored, and no proxy acts on it yet"
    if isinstance(resource.spec, RequestAuthentication) and not all(
        rule.jwks for rule in resource.spec.jwt_rules
    ):
        yield (
            "KEYS_NOT_FETCHED keys are taken from jwks alone: tokens of an issuer "
            "without it are refused"
        )
    values = (
        check_values(resource.spec) if isinstance(resource.spec, EnvoyFilter) else ()
    )
    for finding in (*check(resource), *values, *without_effect(resource)):
        if finding.severity is not Severity.ERROR:
            path = f" ({finding.path})" if finding.path else ""
            yield f"{finding.code} {finding.message}{path}"


def _readable(held: Held | None) -> Resource[Message] | None:
    return held.resource if held is not None and held.readable else None


def _spelled(line: str) -> str:
    """Return ``line`` as it can stand in a header (RFC 9110 §5.5)."""
    text = line.translate(NOT_IN_HEADERS)[:LONGEST]
    return text.encode("ascii", "replace").decode()
