"""AuthorizationPolicies: whom they are for, and namespaces they name.

Source: pkg/config/analysis/analyzers/authz/authorizationpolicies.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, quoted, remark
from meltemi.config.analysis.world import World, selects, subject
from meltemi.config.schema.authorization_policy import AuthorizationPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.analysis.remark import Remark
    from meltemi.config.resource import Resource

    Policy = Resource[AuthorizationPolicy]

NOT_FOUND = Message("IST0101", Level.ERROR, "Referenced %s not found: %s")
NOBODY = Message(
    "IST0127",
    Level.WARNING,
    "No matching workloads for this resource with the following labels: %s",
)
IN_MESH_LABELS = ("istio.io/dataplane-mode", "istio-injection", "istio.io/rev")


def policies_for_nobody(world: World) -> Iterator[Remark]:
    """Yield a remark a policy that no workload is under."""
    workloads = list(world.workloads())
    for policy in world.of(AuthorizationPolicy):
        if policy.spec.target_ref or policy.spec.target_refs:
            continue
        home = policy.metadata.namespace
        everywhere = home == world.root_namespace
        selector = policy.spec.selector
        labels = selector.match_labels if selector else {}
        if everywhere and not labels:
            continue
        if not any(
            (everywhere or namespace == home) and selects(labels, found)
            for namespace, found in workloads
        ):
            spelled = ",".join(f"{name}={labels[name]}" for name in sorted(labels))
            yield remark(NOBODY, subject(policy), spelled, path="spec.selector")


def unknown_namespaces(world: World) -> Iterator[Remark]:
    """Yield a remark a namespace that a policy names and that is not there.

    Without Kubernetes there are the namespaces that objects are in, and no list that
    would say which are missing: then nothing is said.
    """
    if not world.namespaces:
        return
    known = {each.metadata.name for each in world.namespaces}
    for policy in world.of(AuthorizationPolicy):
        for path, written in _namespaces(policy):
            if not any(_matches(written, name) for name in known):
                yield remark(
                    NOT_FOUND,
                    subject(policy),
                    "namespace",
                    quoted(written),
                    path=path,
                )


def _namespaces(policy: Policy) -> Iterator[tuple[str, str]]:
    for number, rule in enumerate(policy.spec.rules):
        for place, origin in enumerate(rule.from_ or ()):
            source = origin.source
            if source is None:
                continue
            base = f"spec.rules[{number}].from[{place}].source"
            for name, written in (
                ("namespaces", source.namespaces),
                ("notNamespaces", source.not_namespaces),
            ):
                for index, each in enumerate(written):
                    yield f"{base}.{name}[{index}]", each


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return pattern == name
