"""What must hold for labels, and for what selects by them or by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from meltemi.config.rules.hosts import LABEL, check_count
from meltemi.config.rules.problem import problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.config.schema.selector import PolicySelector, WorkloadSelector
    from meltemi.config.schema.target import PolicyTargetReference

LONGEST: Final = 63
PREFIX: Final = re.compile(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
WORD: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
TARGETS: Final = (
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("networking.istio.io", "ServiceEntry"),
    ("", "Service"),
    ("core", "Service"),
)
MOST_TARGETS: Final = 16
ONLY_ONE: Final = "only one may be set"


class Targeted(Protocol):
    """A policy that holds for workloads by label, or for objects by name."""

    @property
    def selector(self) -> PolicySelector | None:
        """By label."""

    @property
    def target_refs(self) -> tuple[PolicyTargetReference, ...]:
        """By name."""


def check_labels(path: str, labels: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each selector label that cannot match as written."""
    for key, value in labels.items():
        here = f'{path}["{key}"]'
        if not key:
            yield problem(here, "a label's key must not be empty")
        elif "*" in key or "*" in value:
            yield problem(here, "a wildcard is not supported in a selector")
        elif len(value) > LONGEST:
            yield problem(here, f"a label's value has at most {LONGEST} characters")


def check_label_set(path: str, labels: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each label that no workload can carry.

    Source:
        pkg/config/labels Instance.Validate, which follows Kubernetes' label syntax.

    """
    for key, value in labels.items():
        here = f'{path}["{key}"]'
        prefix, slash, name = key.rpartition("/")
        if not key:
            yield problem(here, "a label's key must not be empty")
        elif "*" in key or "*" in value:
            yield problem(here, "a wildcard is not supported in a selector")
        elif not WORD.fullmatch(name) or (slash and not PREFIX.fullmatch(prefix)):
            hint = "write [DOMAIN/]NAME: letters, digits, '-', '_' and '.'"
            yield problem(here, f"{key!r} is not a label's key", hint)
        elif value and not WORD.fullmatch(value):
            hint = "use letters, digits, '-', '_' and '.', at most 63"
            yield problem(here, f"{value!r} is not a label's value", hint)


def check_workloads(
    path: str, selector: WorkloadSelector | None, effect: str
) -> Iterator[Finding]:
    """Yield what is wrong with a selector by ``labels``; without any, ``effect``."""
    if selector is None:
        return
    yield from check_labels(f"{path}.labels", selector.labels)
    if not selector.labels:
        yield warning(path, f"a selector without labels {effect}", "add labels")


def check_policy_selector(
    path: str, selector: PolicySelector | None
) -> Iterator[Finding]:
    """Yield what is wrong with a selector by ``matchLabels``."""
    if selector is None:
        return
    yield from check_labels(f"{path}.matchLabels", selector.match_labels)
    if not selector.match_labels:
        message = "a selector without labels selects every workload of the namespace"
        yield warning(path, message, "add matchLabels, or remove the selector")


def check_targets(
    spec: Targeted, target_ref: PolicyTargetReference | None = None
) -> Iterator[Finding]:
    """Yield what is wrong with what a policy holds for.

    ``target_ref`` is the older single reference, where the kind has one.
    """
    given = [
        name
        for name, present in (
            ("selector", spec.selector is not None),
            ("targetRef", target_ref is not None),
            ("targetRefs", bool(spec.target_refs)),
        )
        if present
    ]
    if len(given) > 1:
        yield problem("spec", f"{ONLY_ONE}: {' and '.join(given)}")
    yield from check_policy_selector("spec.selector", spec.selector)
    if target_ref is not None:
        yield from check_target("spec.targetRef", target_ref)
    yield from check_references(spec.target_refs)


def check_references(
    references: tuple[PolicyTargetReference, ...],
) -> Iterator[Finding]:
    """Yield what is wrong with ``targetRefs``."""
    yield from check_count("spec.targetRefs", references, MOST_TARGETS)
    for index, reference in enumerate(references):
        yield from check_target(f"spec.targetRefs[{index}]", reference)


def check_target(path: str, target: PolicyTargetReference) -> Iterator[Finding]:
    """Yield what is wrong with the reference at ``path``."""
    if not target.name:
        yield problem(f"{path}.name", "a name is required")
    if target.namespace:
        message = "a policy cannot refer to another namespace"
        yield problem(f"{path}.namespace", message, "remove it")
    if (target.group or "", target.kind) not in TARGETS:
        known = ", ".join(f"{group}/{kind}".strip("/") for group, kind in TARGETS[:4])
        message = f"{target.group or ''}/{target.kind} cannot be a target"
        yield problem(f"{path}.kind", message, f"one of {known}")


def check_subset_name(path: str, name: str) -> Iterator[Finding]:
    """Yield a finding unless ``name`` can be the name of a subset."""
    if not LABEL.fullmatch(name):
        hint = "use letters, digits and '-'"
        yield problem(path, f"{name!r} is not a name", hint)
