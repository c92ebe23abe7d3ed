"""Which requests are traced: as Telemetry asks, else as MeshConfig and ProxyConfig do.

Source: pilot/pkg/model/telemetry.go Tracing and
pilot/pkg/networking/core/tracing.go configureTracingFromTelemetry.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.translate.telemetry.levels import levels, matched, provider
from meltemi.pilot.translate.telemetry.span_tag import custom_tags, istio_tags
from meltemi.pilot.translate.telemetry.tracer import limit, tracer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.schema.extension_provider import ExtensionProvider
    from meltemi.config.schema.proxy_tracing import SpanTag
    from meltemi.config.schema.telemetry import CustomTag, Tracing, WorkloadMode
    from meltemi.pilot.scope.scope import Scope

WHOLE = 100.0
ONE_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What all levels together say of one side of calls. None: nobody said."""

    provider: str | None = None
    disabled: bool = False
    sampling: float | None = None
    tags: Mapping[str, CustomTag] = field(default_factory=dict[str, "CustomTag"])
    use_request_id: bool = True
    istio_tags: bool = True


def tracing(scope: Scope, side: WorkloadMode) -> ir.Tracing | None:
    """Return how requests on one side are traced; None where they are not."""
    asked = [entry for level in levels(scope) for entry in level.spec.tracing]
    defaults = scope.config.document.default_providers
    names = defaults.tracing if defaults else ()
    if not asked and not names:
        return _by_mesh(scope)
    wish = Wish(provider=names[0] if names else None)
    for each in asked:
        if side in matched(each.match):
            wish = _under(wish, each)
    chosen = provider(scope, wish.provider) if wish.provider else None
    if wish.disabled or chosen is None:
        return None
    return _by_wish(scope, wish, chosen)


def _under(wish: Wish, said: Tracing) -> Wish:
    """Return ``wish`` under what a narrower level, or a later entry, says."""
    sampling = said.random_sampling_percentage
    istio = said.enable_istio_tags
    identifier = said.use_request_id_for_trace_sampling
    reporting = said.disable_span_reporting
    return Wish(
        provider=said.providers[0].name if said.providers else wish.provider,
        disabled=wish.disabled if reporting is None else reporting,
        sampling=wish.sampling if sampling is None else sampling,
        tags=said.custom_tags or wish.tags,
        use_request_id=wish.use_request_id if identifier is None else identifier,
        istio_tags=wish.istio_tags if istio is None else istio,
    )


def _by_wish(scope: Scope, wish: Wish, chosen: ExtensionProvider) -> ir.Tracing | None:
    told = tracer(scope, chosen)
    if told is None:
        return None
    own = scope.proxy_defaults.tracing
    tags = wish.tags or (own.custom_tags if own else {})
    made = _made(scope, tags, istio=wish.istio_tags)
    sampled = made.random if wish.sampling is None else wish.sampling
    decides = isinstance(told, ir.OpenTelemetry) and told.sampler is not None
    return replace(
        made,
        random=WHOLE if decides else sampled,
        provider=told,
        max_path_length=limit(chosen) or made.max_path_length,
        child_span=isinstance(told, ir.SkyWalking),
        use_request_id=wish.use_request_id,
    )


def _by_mesh(scope: Scope) -> ir.Tracing | None:
    """Return what the older fields say: who is told is up to the bootstrap."""
    if not scope.config.document.enable_tracing:
        return None
    own = scope.proxy_defaults.tracing
    if own is None:
        return _made(scope, {}, istio=True)
    return _made(scope, own.custom_tags, istio=own.enable_istio_tags is not False)


def _made(
    scope: Scope, tags: Mapping[str, CustomTag] | Mapping[str, SpanTag], *, istio: bool
) -> ir.Tracing:
    own = scope.proxy_defaults.tracing
    return ir.Tracing(
        random=_sampled(scope),
        tags=(*(istio_tags(scope) if istio else ()), *custom_tags(tags)),
        max_path_length=(own.max_path_tag_length or None) if own else None,
    )


def _sampled(scope: Scope) -> float:
    """Return the percentage of requests; what is none counts as Istio's 1 %."""
    own = scope.proxy_defaults.tracing
    wanted = scope.config.features.trace_sampling
    if own and own.sampling:
        wanted = own.sampling
    return wanted if 0.0 <= wanted <= WHOLE else ONE_PERCENT
