"""A value and what decided it: the label, the annotation, or that nothing was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
DEFAULT = "default"


@dataclass(frozen=True)  # no slots: 3.11 breaks them on generic classes
class Decision(Generic[T]):
    """A value with its reason."""

    value: T
    because: str = DEFAULT
