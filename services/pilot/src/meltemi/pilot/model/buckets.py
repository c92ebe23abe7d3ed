"""An immutable two-level index whose edits share what they don't touch."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MOST_EDITS: Final = 64
"""So many carry an order on, at the price of a copy each: then it is sorted anew."""

T = TypeVar("T")
Age = tuple[str, ...]


@dataclass(frozen=True)  # no slots: 3.11 breaks frozen+slots+Generic on Cls[T]()
class Buckets(Generic[T]):
    """Values by namespace, then name.

    An edit copies one bucket and the spine: O(bucket + namespaces), not O(all).
    Two indexes can be compared bucket by bucket with ``is``.
    """

    by_namespace: Mapping[str, Mapping[str, T]] = field(
        default_factory=dict[str, "Mapping[str, T]"]
    )
    orders: dict[Callable[[T], Age], tuple[T, ...]] = field(
        default_factory=dict["Callable[[T], Age]", "tuple[T, ...]"],
        compare=False,
        repr=False,
    )
    """What `ordered` found out."""
    edits: int = field(default=0, compare=False, repr=False)
    """Through how many the orders were carried."""

    def put(self, namespace: str, name: str, value: T) -> Buckets[T]:
        """Return an index that also holds ``value``; this one is unchanged."""
        known = self.by_namespace.get(namespace, {})
        made = self._with(namespace, {**known, name: value})
        if name not in known or self.edits >= MOST_EDITS:
            return made
        orders = dict(self._in_place(known[name], value))
        return replace(made, orders=orders, edits=self.edits + 1 if orders else 0)

    def drop(self, namespace: str, name: str) -> Buckets[T]:
        """Return an index without that entry; an absent one is not an error."""
        bucket = dict(self.by_namespace.get(namespace, {}))
        if name not in bucket:
            return self
        del bucket[name]
        return self._with(namespace, bucket)

    def values(self) -> Iterator[T]:
        """Yield every value, by namespace and name."""
        for namespace in sorted(self.by_namespace):
            bucket = self.by_namespace[namespace]
            yield from (bucket[name] for name in sorted(bucket))

    def ordered(self, key: Callable[[T], Age]) -> tuple[T, ...]:
        """Return every value by ``key``: the same tuple whenever it is asked for."""
        found = self.orders.get(key)
        if found is None:
            found = self.orders[key] = tuple(sorted(self.values(), key=key))
        return found

    def _in_place(
        self, old: T, new: T
    ) -> Iterator[tuple[Callable[[T], Age], tuple[T, ...]]]:
        """Yield the orders that are known, where ``new`` takes the place of ``old``."""
        for key, order in self.orders.items():
            age = key(old)
            if key(new) == age:
                place = bisect_left(order, age, key=key)
                if order[place] is old:  # and none that is as old
                    yield key, (*order[:place], new, *order[place + 1 :])

    def _with(self, namespace: str, bucket: Mapping[str, T]) -> Buckets[T]:
        spine = {**self.by_namespace, namespace: MappingProxyType(bucket)}
        if not bucket:
            del spine[namespace]  # empty buckets vanish: equal content, equal index
        return Buckets(MappingProxyType(spine))
