"""What must hold for a Telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.cel import check_expression
from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.labels import check_targets
from meltemi.config.rules.problem import problem, warning
from meltemi.config.schema.telemetry import TagOperation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.telemetry import (
        CustomTag,
        Metrics,
        MetricsOverrides,
        ProviderRef,
        Telemetry,
        Tracing,
    )


def check_telemetry(spec: Telemetry) -> Iterator[Finding]:
    """Yield what Istio's ValidateTelemetry says."""
    yield from check_targets(spec, spec.target_ref)
    for index, metrics in enumerate(spec.metrics):
        yield from _check_metrics(f"spec.metrics[{index}]", metrics)
    if len(spec.tracing) > 1:
        yield warning("spec.tracing", "only the first entry has an effect")
    for index, tracing in enumerate(spec.tracing):
        yield from _check_tracing(f"spec.tracing[{index}]", tracing)
    for index, logging in enumerate(spec.access_logging):
        here = f"spec.accessLogging[{index}]"
        yield from _check_providers(here, logging.providers)
        expression = logging.filter.expression if logging.filter else None
        if expression:
            yield from check_expression(f"{here}.filter.expression", expression)


def _check_providers(
    path: str, providers: tuple[ProviderRef, ...]
) -> Iterator[Finding]:
    for index, provider in enumerate(providers):
        if not provider.name:
            yield problem(f"{path}.providers[{index}].name", "a name is required")


def _check_tracing(path: str, tracing: Tracing) -> Iterator[Finding]:
    if len(tracing.providers) > 1:
        yield warning(f"{path}.providers", "only the first provider has an effect")
    yield from _check_providers(path, tracing.providers)
    for name, tag in tracing.custom_tags.items():
        yield from _check_tag(f"{path}.customTags", name, tag)


def _check_tag(path: str, name: str, tag: CustomTag) -> Iterator[Finding]:
    here = f'{path}["{name}"]'
    if not name:
        yield problem(here, "a tag's name must not be empty")
    required = {
        "literal.value": tag.literal and tag.literal.value,
        "environment.name": tag.environment and tag.environment.name,
        "header.name": tag.header and tag.header.name,
        "formatter.value": tag.formatter and tag.formatter.value,
    }
    for field, value in required.items():
        if value == "":
            yield problem(f"{here}.{field}", "must not be empty")


def _check_metrics(path: str, metrics: Metrics) -> Iterator[Finding]:
    yield from _check_providers(path, metrics.providers)
    yield from check_duration(f"{path}.reportingInterval", metrics.reporting_interval)
    for index, override in enumerate(metrics.overrides):
        yield from _check_override(f"{path}.overrides[{index}]", override)


def _check_override(path: str, override: MetricsOverrides) -> Iterator[Finding]:
    if override.match is not None and override.match.custom_metric == "":
        yield problem(f"{path}.match.customMetric", "must not be empty")
    for name, tag in override.tag_overrides.items():
        here = f'{path}.tagOverrides["{name}"]'
        if not name:
            yield warning(here, "a tag's name must not be empty")
        if tag.operation is TagOperation.REMOVE:
            if tag.value:
                yield problem(f"{here}.value", "has no meaning with REMOVE")
        elif not tag.value:
            yield problem(f"{here}.value", "UPSERT needs a value")
