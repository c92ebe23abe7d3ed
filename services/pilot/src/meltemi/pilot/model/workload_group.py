"""Workloads that joined a group: what it says of them, under what they say themselves.

An agent registers a WorkloadEntry that names its group. The group is looked at when
services are made, so a change of it reaches all its workloads at once.

Source: pilot/pkg/autoregistration/controller.go workloadEntryFromGroup for what wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.proxy_annotation import (
    ANNOTATION,
    InvalidProxyAnnotationError,
    proxy_annotation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.proxy_defaults import ProxyDefaults
    from meltemi.config.schema.workload_entry import WorkloadEntry
    from meltemi.config.schema.workload_group import WorkloadGroup

GROUP: Final = "istio.io/autoRegistrationGroup"
"""The annotation of an entry that names its group."""


def by_name(
    groups: Iterable[Resource[WorkloadGroup]],
) -> dict[tuple[str, str], Resource[WorkloadGroup]]:
    """Return groups by namespace and name."""
    return {(each.metadata.namespace, each.metadata.name): each for each in groups}


def joined(
    entries: Iterable[Resource[WorkloadEntry]],
    groups: Mapping[tuple[str, str], Resource[WorkloadGroup]],
) -> Iterator[Resource[WorkloadEntry]]:
    """Yield ``entries``, those of a group with what it says of them."""
    for each in entries:
        name = each.metadata.annotations.get(GROUP)
        group = groups.get((each.metadata.namespace, name)) if name else None
        yield _joined(each, group.spec) if group else each


def _joined(
    entry: Resource[WorkloadEntry], group: WorkloadGroup
) -> Resource[WorkloadEntry]:
    own, template = entry.spec, group.template
    spec = msgspec.structs.replace(
        template,
        address=own.address or template.address,
        ports={**template.ports, **own.ports},
        labels={**group_labels(group), **own.labels},
        network=own.network or template.network,
        locality=own.locality or template.locality,
        weight=own.weight if own.weight is not None else template.weight,
        service_account=own.service_account or template.service_account,
    )
    return msgspec.structs.replace(entry, spec=spec)


def group_labels(group: WorkloadGroup) -> dict[str, str]:
    """Return the labels of a group's workloads: its own win over its template's."""
    own = group.metadata.labels if group.metadata else {}
    return {**group.template.labels, **own}


def group_settings(group: WorkloadGroup) -> ProxyDefaults | None:
    """Return what the group's annotation says of its proxies; None: nothing readable.

    Its author was told at the door what is wrong with it.
    """
    text = group.metadata.annotations.get(ANNOTATION) if group.metadata else None
    if not text:
        return None
    try:
        return proxy_annotation(text)
    except InvalidProxyAnnotationError:
        return None
