"""How much of a mesh vanished from one picture of it to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.pilot.model.buckets import Buckets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.pilot.model.mesh import Mesh

    Held = Buckets[Resource[Message]]

FEWEST: Final = 10
"""So many objects must vanish at least: taking a few away is everyday work."""


def vanished(before: Mesh, after: Mesh) -> Mapping[str, int]:
    """Return by kind how many objects vanished, where that is more than half of it.

    Of a few at least `FEWEST` must go.
    """
    found: dict[str, int] = {}
    for kind, had in before.kinds.items():
        has = after.kinds.get(kind)
        if has is had:
            continue
        gone = _gone(had, has or Buckets())
        if gone >= FEWEST and 2 * gone > sum(map(len, had.by_namespace.values())):
            found[kind] = gone
    return found


def _gone(had: Held, has: Held) -> int:
    """Return how many names are not there any more."""
    return sum(
        len(names.keys() - has.by_namespace.get(namespace, {}).keys())
        for namespace, names in had.by_namespace.items()
        if has.by_namespace.get(namespace) is not names
    )
