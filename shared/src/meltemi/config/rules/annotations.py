"""What annotations ask for that only some kinds can give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem
from meltemi.config.schema.authorization_policy import Action, AuthorizationPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

DRY_RUN: Final = "istio.io/dry-run"
ALWAYS_REJECT: Final = "internal.istio.io/webhook-always-reject"
BOOLEANS: Final = frozenset(
    ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")
)
"""What Go's strconv.ParseBool reads."""


def check_annotations(resource: Resource[Message]) -> Iterator[Finding]:
    """Yield a finding for each annotation that ``resource`` cannot have."""
    annotations = resource.metadata.annotations
    if ALWAYS_REJECT in annotations:
        yield problem(_path(ALWAYS_REJECT), "asks to be refused")
    if DRY_RUN not in annotations:
        return
    path, value, spec = _path(DRY_RUN), annotations[DRY_RUN], resource.spec
    if not isinstance(spec, AuthorizationPolicy):
        yield problem(path, "only an AuthorizationPolicy can run dry", "remove it")
    elif spec.action not in (None, Action.ALLOW, Action.DENY):
        yield problem(path, f"action {spec.action} cannot run dry")
    elif value not in BOOLEANS:
        yield problem(path, f"{value!r} is neither true nor false", 'write "true"')


def _path(annotation: str) -> str:
    return f'metadata.annotations["{annotation}"]'
