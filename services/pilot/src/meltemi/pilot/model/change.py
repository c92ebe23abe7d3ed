"""What is another in a mesh than in the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from meltemi.config.resource import Resource
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.pilot.model.index import differing
from meltemi.pilot.model.registry import NOWHERE, Moved, moved, paired

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.index import Index
    from meltemi.pilot.model.registry import Pairs

STEPPED: Final = frozenset({"services", "virtual_services", "exported", "revision"})
"""What differs when others answer for services, or VirtualServices have other rules."""

Virtual = Resource[VirtualService]


class Stepped(NamedTuple):
    """Who stands in place of whom, where nothing else changed.

    Attributes:
        services: Those for which others answer.
        routed: VirtualServices with other rules for HTTP.

    """

    services: Pairs
    routed: tuple[tuple[Virtual, Virtual], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """How a mesh differs from the one before.

    Attributes:
        fields: Of `meltemi.pilot.model.index.Index`, those that are another object.
        moved: What became of the services.
        stepped: What became of all, if it is as simple as that.

    """

    fields: frozenset[str]
    moved: Moved
    stepped: Stepped | None

    def concerns(self, namespace: str, addresses: Iterable[str]) -> bool:
        """Tell whether a workload may answer for something else now."""
        if namespace in self.moved.namespaces:
            return True
        return not self.moved.addresses.isdisjoint(addresses)


NONE: Final = Change(frozenset(), NOWHERE, Stepped((), ()))


def change(before: Index, now: Index) -> Change:
    """Return how ``now``, which was made of ``before``, differs from it."""
    fields = differing(before, now)
    what = moved(before.services, now.services)
    routed = paired(before.virtual_services, now.virtual_services, _but_rules)
    if what.pairs is None or routed is None or not fields <= STEPPED:
        return Change(fields, what, None)
    return Change(fields, what, Stepped(what.pairs, routed))


def _but_rules(virtual: Virtual) -> Virtual:
    """Return a VirtualService without HTTP rules, and without what counts its edits."""
    metadata = msgspec.structs.replace(
        virtual.metadata, resource_version="", generation=0, managed_fields=()
    )
    spec = msgspec.structs.replace(virtual.spec, http=())
    return msgspec.structs.replace(virtual, metadata=metadata, spec=spec)
