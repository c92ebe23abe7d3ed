"""Which workloads that registered themselves are gone. No I/O, and no clock.

An agent's stream to a Pilot is its sign of life. Nothing is concluded from what cannot
be seen: with a Pilot that hangs, or none, or hardly a proxy connected, nobody is gone.

::

    entries that agents keep ──▶ Kept ─────┐
    who is connected, who left ─▶ Presence ┼──▶ Absence ──▶ whose entries to remove
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.config.ledger_keys import object_key
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.kernel.identity import InvalidIdentityError, SpiffeId

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from meltemi.kernel.names import Key
    from meltemi.store.ports import Listing, Step

SIGN: Final = "istio.io/workloadController"
"""Istio's annotation for who keeps an entry; agents write their identity there."""

GONE_SECONDS: Final = 3.0
"""An agent whose Pilot died is with another within two."""
UNSEEN_SECONDS: Final = 60.0
"""As long as nobody saw it leave, it may be on its way."""


class Presence(msgspec.Struct, frozen=True):
    """What all Pilots say of proxies, each as ``NAME.NAMESPACE``."""

    connected: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """Whose last stream ended in the last minutes, and was not followed by another."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """An entry, and the workload that keeps it."""

    key: Key
    by: SpiffeId


class Kept:
    """The WorkloadEntries that agents keep, followed through the ledger."""

    def __init__(self) -> None:
        self.entries: dict[str, Keeping] = {}
        """By ``NAME.NAMESPACE``, as the proxy of the workload is called."""

    def replace(self, listing: Listing) -> None:
        """Know what ``listing`` holds, and nothing else."""
        self.entries.clear()
        for each in listing.entries:
            self._take(object_key(each.key), each.value)

    def step(self, step: Step) -> None:
        """Take what one revision changed."""
        for each in step.mutations:
            self._take(object_key(each.key), each.value)

    def _take(self, key: Key, value: bytes | None) -> None:
        if key.kind != WorkloadEntry.__name__:
            return
        name = f"{key.name}.{key.namespace}"
        keeper = None if value is None else _keeper(key, value)
        if keeper is None:
            self.entries.pop(name, None)
        else:
            self.entries[name] = Keeping(key, keeper)


class Absence:
    """Since when each workload is connected nowhere."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def unseen(self) -> None:
        """Take that nothing could be seen: who was absent may have been back."""
        self._since.clear()

    def look(
        self, kept: Collection[str], presence: Presence, *, now: float
    ) -> tuple[str, ...]:
        """Return who of ``kept`` is gone at ``now``, in monotonic seconds.

        It was connected nowhere for 3 s without a break and some Pilot saw it leave,
        or for a minute. Where more are absent than there are proxies, rather the
        network is broken than all of them: then nobody is gone.
        """
        absent = set(kept) - set(presence.connected)
        self._since = {name: self._since.get(name, now) for name in absent}
        if len(absent) > len(presence.connected):
            return ()
        waits = _waits(presence.left)
        return tuple(
            name
            for name, since in sorted(self._since.items())
            if now - since >= waits.get(name, UNSEEN_SECONDS)
        )


def _waits(left: Collection[str]) -> Mapping[str, float]:
    return dict.fromkeys(left, GONE_SECONDS)


def _keeper(key: Key, value: bytes) -> SpiffeId | None:
    """Return the identity that keeps an entry, if it may: the entry's own."""
    try:
        found = from_stored(value)
        keeper = SpiffeId.parse(found.metadata.annotations.get(SIGN, ""))
    except (UnreadableObjectError, InvalidIdentityError):
        return None
    if not isinstance(found.spec, WorkloadEntry):
        return None
    account = found.spec.service_account or "default"
    own = (keeper.namespace, keeper.service_account) == (key.namespace, account)
    return keeper if own else None
