"""How a rotation stands, for people. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.citadel.rotation.record import Phase
from meltemi.identity.certificate import fingerprint, parse_chain

if TYPE_CHECKING:
    from datetime import datetime

    from meltemi.citadel.rotation.record import Record, Spread, Waits


class Generation(msgspec.Struct, frozen=True, rename="camel"):
    """One authority: ``state`` is signs, believed or prepared."""

    generation: int
    state: str
    fingerprint: str
    not_after: datetime
    tainted: bool


class RotationStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Where the authority of a mesh stands, and until when it stays there at least."""

    phase: Phase
    since: datetime
    earliest: datetime | None
    distributed: bool
    living: int
    """Certificates that have not ended, of the authority that comes or goes."""
    bundle: str
    generations: tuple[Generation, ...]


def rotation_status(
    record: Record, waits: Waits, bundle: str, spread: Spread
) -> RotationStatus:
    """Return how ``record`` stands; ``bundle`` is the version of the trust bundle."""
    wait = {Phase.DISTRIBUTE: waits.distribute, Phase.DRAIN: waits.drain}
    stays = wait.get(record.phase)
    return RotationStatus(
        record.phase,
        record.since,
        record.since + stays if stays is not None else None,
        spread.distributed,
        spread.living,
        bundle,
        tuple(_generations(record)),
    )


def _generations(record: Record) -> list[Generation]:
    found = []
    for each in record.sealed:
        (root,) = parse_chain(each.certificate)
        believed = each in record.believed
        state = "believed" if believed else "prepared"
        if each.generation == record.active:
            state = "signs"
        found.append(
            Generation(
                each.generation,
                state,
                fingerprint(root),
                root.not_valid_after_utc,
                each.generation == record.tainted,
            )
        )
    return found
