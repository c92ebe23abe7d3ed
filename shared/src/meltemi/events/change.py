"""A configuration change and a heartbeat, as they travel on the doorbell."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from meltemi.kernel.names import Epoch, Revision


class Operation(StrEnum):
    """What happened to the object."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One object changed at one revision.

    ``previous`` is the revision of the change before this one under the
    configuration prefix, in etcd's order: whoever holds ``previous`` and gets this
    has missed nothing.
    """

    epoch: Epoch
    previous: Revision
    revision: Revision
    operation: Operation
    ledger_key: str
    value: bytes | None
    """The stored object; None for a deletion, or when it is sent by reference."""

    part: int = 1
    """Which of the changes of its revision this is, counted from 1."""

    parts: int = 1
    """How many changes the revision holds: one transaction is applied whole."""

    trace: str = ""
    """The ``traceparent`` of the ring; empty where nobody traces."""

    written: datetime | None = field(default=None, compare=False)
    """When the object was written, by its writer's clock, as the event says."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A relay is alive, and this is the newest configuration revision it has seen."""

    epoch: Epoch
    head: Revision
    relay: str
