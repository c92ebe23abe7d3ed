"""Which requests are traced, as MeshConfig and ProxyConfig say.

Source: pilot/pkg/networking/core/tracing.go configureTracing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.pilot import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.schema.proxy_tracing import SpanTag
    from meltemi.pilot.scope.scope import Scope

WHOLE: Final = 100.0
ONE_PERCENT: Final = 1.0
DRY_RUN: Final = (
    ("allow_policy.name", "istio_dry_run_allow_shadow_effective_policy_id"),
    ("allow_policy.result", "istio_dry_run_allow_shadow_engine_result"),
    ("deny_policy.name", "istio_dry_run_deny_shadow_effective_policy_id"),
    ("deny_policy.result", "istio_dry_run_deny_shadow_engine_result"),
)


def mesh_tracing(scope: Scope) -> ir.Tracing | None:
    """Return how requests are traced; None where the mesh has tracing off."""
    document = scope.config.document
    if not document.enable_tracing:
        return None
    own = scope.proxy_defaults.tracing
    custom = own.custom_tags if own else {}
    tags = [*_mesh_tags(scope)]
    tags += [_tag(name, custom[name]) for name in sorted(custom)]
    return ir.Tracing(
        random=_sampled(scope),
        tags=tuple(tags),
        max_path_length=own.max_path_tag_length if own else None,
    )


def _sampled(scope: Scope) -> float:
    """Return the percentage of requests; what is none counts as Istio's 1 %."""
    own = scope.proxy_defaults.tracing
    wanted = scope.config.features.trace_sampling
    if own and own.sampling:
        wanted = own.sampling
    return wanted if 0.0 <= wanted <= WHOLE else ONE_PERCENT


def _mesh_tags(scope: Scope) -> Iterator[ir.Tag]:
    for name, key in DRY_RUN:
        tag = f"istio.authorization.dry_run.{name}"
        yield ir.Tag(tag, ir.TagSource.DRY_RUN, key)
    group = scope.group
    labels = dict(group.labels)
    service = labels.get("service.istio.io/canonical-name") or labels.get("app")
    revision = labels.get("service.istio.io/canonical-revision") or labels.get(
        "version", "latest"
    )
    for name, value in (
        ("canonical_revision", revision),
        ("canonical_service", service or group.node.workload_name or "unknown"),
        ("cluster_id", group.node.cluster or "unknown"),
        ("mesh_id", group.node.mesh_id or "unknown"),
        ("namespace", group.namespace or "default"),
    ):
        yield ir.Tag(f"istio.{name}", ir.TagSource.LITERAL, value)


def _tag(name: str, tag: SpanTag) -> ir.Tag:
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
