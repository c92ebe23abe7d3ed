"""What travels on the bus, whatever carries it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Message:
    """One ring of the bell."""

    subject: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
