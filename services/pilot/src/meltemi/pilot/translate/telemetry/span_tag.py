"""What spans say of a request: Istio's own tags, and those people add.

Source: pilot/pkg/networking/core/tracing.go configureCustomTags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.pilot import ir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.schema.proxy_tracing import SpanTag
    from meltemi.config.schema.telemetry import CustomTag
    from meltemi.pilot.scope.scope import Scope

DRY_RUN: Final = (
    ("allow_policy.name", "istio_dry_run_allow_shadow_effective_policy_id"),
    ("allow_policy.result", "istio_dry_run_allow_shadow_engine_result"),
    ("deny_policy.name", "istio_dry_run_deny_shadow_effective_policy_id"),
    ("deny_policy.result", "istio_dry_run_deny_shadow_engine_result"),
)


def istio_tags(scope: Scope) -> Iterator[ir.Tag]:
    """Yield the tags that tell which workload a span is of."""
    for name, key in DRY_RUN:
        tag = f"istio.authorization.dry_run.{name}"
        yield ir.Tag(tag, ir.TagSource.DRY_RUN, key)
    group = scope.group
    service, revision = canonical(scope)
    for name, value in (
        ("canonical_revision", revision),
        ("canonical_service", service),
        ("cluster_id", group.node.cluster or "unknown"),
        ("mesh_id", group.node.mesh_id or "unknown"),
        ("namespace", group.namespace or "default"),
    ):
        yield ir.Tag(f"istio.{name}", ir.TagSource.LITERAL, value)


def canonical(scope: Scope) -> tuple[str, str]:
    """Return what Istio calls the workload's service, and its revision."""
    labels = scope.group.label_map
    service = labels.get("service.istio.io/canonical-name") or labels.get("app")
    revision = labels.get("service.istio.io/canonical-revision") or labels.get(
        "version", "latest"
    )
    return service or scope.group.node.workload_name or "unknown", revision


def custom_tags(
    tags: Mapping[str, CustomTag] | Mapping[str, SpanTag],
) -> Iterator[ir.Tag]:
    """Yield the tags that people ask for, by name."""
    for name in sorted(tags):
        yield _tag(name, tags[name])


def _tag(name: str, tag: CustomTag | SpanTag) -> ir.Tag:
    if tag.environment:
        value, default = tag.environment.name, tag.environment.default_value
        source = ir.TagSource.ENVIRONMENT
    elif tag.header:
        value, default = tag.header.name, tag.header.default_value
        source = ir.TagSource.HEADER
    elif tag.formatter:
        value, default = tag.formatter.value, None
        source = ir.TagSource.FORMATTER
    else:
        value, default = (tag.literal.value if tag.literal else None), None
        source = ir.TagSource.LITERAL
    return ir.Tag(name, source, value or "", default or "")
