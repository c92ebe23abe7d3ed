"""Galley's door: the door of every part, and Envoy's types behind it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config import decode as shared
from meltemi.config.report import Report
from meltemi.config.schema.envoy_filter import EnvoyFilter
from meltemi.galley.envoy_values import check_values

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message


def read(data: bytes, *, file: str, default_namespace: str) -> shared.Decoded:
    """Return the objects that ``data`` spells, and the warnings about them.

    Beyond `meltemi.config.decode.read` the values of EnvoyFilters are held against
    Envoy's types.

    Raises:
        InvalidConfigError: With every error that was found, up to a hundred.

    """
    decoded = shared.read(data, file=file, default_namespace=default_namespace)
    if not any(isinstance(each.spec, EnvoyFilter) for each in decoded.resources):
        return decoded
    report = Report(file)
    for node in shared.objects_in(data, report):
        aside = Report(file)  # its findings are among the decoded ones
        found = shared.resource_at(node, default_namespace, aside)
        if found is not None and isinstance(found.spec, EnvoyFilter):
            for finding in check_values(found.spec):
                report.add_within(node, finding)
    report.raise_errors()
    warnings = (*decoded.warnings, *report.warnings)
    return shared.Decoded(decoded.resources, warnings)


def decode(
    data: bytes, *, file: str, default_namespace: str
) -> tuple[Resource[Message], ...]:
    """Return the objects of `read`, without the warnings."""
    return read(data, file=file, default_namespace=default_namespace).resources
