"""Which proxies hold an object, computed from what the Pilots say. Pure.

A proxy holds an object of revision R when it has acknowledged a revision of at least R
and refuses nothing that names the object.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.kinds import AT_START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from meltemi.config.analysis.conflicts import Conflict
    from meltemi.kernel.names import Key


class ProxyRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one Pilot knows of one proxy."""

    proxy: str
    pilot: str
    connected: bool
    revision: str | None
    types: dict[str, dict[str, str | None]]
    acked_at: dict[str, str] = {}
    """When the proxy acknowledged recent revisions (RFC 3339)."""
    connected_at: str = ""
    """When its stream began (RFC 3339)."""
    sent_bytes: int = 0


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that a proxy refuses, and the object it was made from."""

    proxy: str
    type: str
    resource: str
    object: str
    path: str
    message: str


class Rejection(msgspec.Struct, frozen=True):
    """A refusal of one object, as its owner is shown it."""

    proxy: str
    type: str
    message: str


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """How far an object got."""

    revision: str
    total: int
    synced: int
    pending: tuple[str, ...]
    """Proxies, and Pilots of which nobody knows whether they have any."""
    rejected: tuple[Rejection, ...]
    seconds: float | None
    """From the write to the last acknowledgement; None while that is unknown."""


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """One statement about an object, in Kubernetes' form."""

    type: str
    status: str
    reason: str
    message: str


class Fleet(msgspec.Struct, frozen=True):
    """All proxies and all refusals, of all Pilots."""

    proxies: tuple[ProxyRow, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    silent: tuple[str, ...] = ()
    """Pilots that are there, do not answer, and never said whom they serve."""


MOST_TOLD: Final = 8
"""Conflicts that one condition names."""
TRUE: Final = "True"
FALSE: Final = "False"


def merged(rows: Iterable[ProxyRow]) -> tuple[ProxyRow, ...]:
    """Return one row a proxy, by name: a connected one wins, then the newer one."""
    best: dict[str, ProxyRow] = {}
    for row in rows:
        known = best.get(row.proxy)
        if known is None or _rank(row) > _rank(known):
            best[row.proxy] = row
    return tuple(best[name] for name in sorted(best))


def distribution(
    name: str, revision: int, fleet: Fleet, *, written: str | None
) -> Distribution:
    """Return how far ``name`` (KIND/NAMESPACE/NAME) of ``revision`` got.

    Args:
        name: The object, as `Key` prints it.
        revision: Of its last write, or of its removal.
        fleet: What the Pilots say.
        written: When it was written (RFC 3339), if that is known.

    """
    connected = [row for row in fleet.proxies if row.connected]
    names = {row.proxy for row in connected}
    rejected = tuple(
        Rejection(each.proxy, each.type, each.message)
        for each in fleet.refusals
        if each.object == name and each.proxy in names
    )
    refusing = {each.proxy for each in rejected}
    holding = [row for row in connected if int(row.revision or 0) >= revision]
    synced = [row for row in holding if row.proxy not in refusing]
    pending = names - {row.proxy for row in holding} - refusing
    pending |= {f"whoever is on {pilot}, which is silent" for pilot in fleet.silent}
    everywhere = bool(synced) and len(synced) == len(connected) and not pending
    return Distribution(
        revision=str(revision),
        total=len(connected),
        synced=len(synced),
        pending=tuple(sorted(pending)),
        rejected=rejected,
        seconds=_seconds(synced, revision, written) if everywhere else None,
    )


def conditions(found: Distribution, kind: str) -> tuple[Condition, ...]:
    """Return what the owner of an object of ``kind`` wants to know."""
    if kind in AT_START:
        message = f"a proxy is told a {kind} when it starts"
        return (
            Condition("Accepted", TRUE, "Valid", "the object is valid and stored"),
            Condition("Reconciled", FALSE, "AtStart", message),
        )
    everywhere = 0 < found.total == found.synced and not found.pending
    progress = f"{found.synced}/{found.total} proxies at revision {found.revision}"
    refused = "; ".join(sorted({each.message for each in found.rejected}))
    reason = "EveryProxyHasIt" if everywhere else "Distributing"
    return (
        Condition("Accepted", TRUE, "Valid", "the object is valid and stored"),
        Condition("Reconciled", TRUE if everywhere else FALSE, reason, progress),
        Condition("Rejected", TRUE, "RefusedByEnvoy", refused)
        if found.rejected
        else Condition("Rejected", FALSE, "NotRefused", "no proxy refuses it"),
    )


def conflicted(
    conflicts: Sequence[Conflict], may_read: Callable[[Key], bool]
) -> Condition:
    """Return whether others want what an object wants, and who has it.

    An object that may not be read is not named.
    """
    if not conflicts:
        return Condition("Conflicted", FALSE, "NoConflict", "nobody wants the same")
    told: list[str] = []
    for each in conflicts[:MOST_TOLD]:
        rival = each.rival if may_read(each.rival) else "an object you may not read"
        winner = "this one, the older," if each.wins else "it, the older,"
        told.append(f"{rival} {each.claim}: {winner} wins")
    if len(conflicts) > MOST_TOLD:
        told.append(f"and {len(conflicts) - MOST_TOLD} more")
    wins = all(each.wins for each in conflicts)
    return Condition(
        "Conflicted", TRUE, "Wins" if wins else "Loses", "; ".join(dict.fromkeys(told))
    )


def _rank(row: ProxyRow) -> tuple[bool, int]:
    return row.connected, int(row.revision or 0)


def _seconds(
    synced: Sequence[ProxyRow], revision: int, written: str | None
) -> float | None:
    """Return the seconds until the last proxy had it, if every one says when.

    A proxy that came after the write was not waited for: it does not count.
    """
    if written is None:
        return None
    times = [
        _first_at(row.acked_at, revision)
        for row in synced
        if not row.connected_at or row.connected_at <= written
    ]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        return None
    took = max(known) - datetime.fromisoformat(written)
    return max(took.total_seconds(), 0.0)


def _first_at(acked_at: Mapping[str, str], revision: int) -> datetime | None:
    """Return when ``revision``, or what came with it, was first acknowledged."""
    times = [
        datetime.fromisoformat(time)
        for acked, time in acked_at.items()
        if int(acked) >= revision
    ]
    return min(times, default=None)
