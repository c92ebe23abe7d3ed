"""What a run of the benchmark found, as one document of JSON.

The form is told in docs/performance.md; `SCHEMA` grows when it changes so that a
reader of the old one is misled.
"""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from datetime import datetime

    from comparison import Chosen
    from measure import Figure

SCHEMA = 1


@dataclass
class Report:
    """One run: where, what was asked for, and every figure."""

    chosen: Chosen
    begun: datetime
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    figures: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def add(self, suite: str, figure: Figure) -> None:
        """Take a figure."""
        self.figures.append({"suite": suite, **asdict(figure), "met": figure.met})

    @property
    def missed(self) -> list[str]:
        """Names of the figures that miss their target."""
        return [str(each["name"]) for each in self.figures if each["met"] is False]

    def document(self, ended: datetime) -> dict[str, object]:
        """Return all of it; times are UTC, load is the average of a minute."""
        return {
            "schema": SCHEMA,
            "begun": self.begun.isoformat(timespec="seconds"),
            "ended": ended.isoformat(timespec="seconds"),
            "machine": machine(),
            "load_average": {"before": self.load_before, "after": os.getloadavg()[0]},
            "asked": self.chosen.told(),
            "figures": self.figures,
        }


def machine() -> dict[str, object]:
    """Return what the figures depend on, and no more of the machine."""
    return {
        "processors": len(os.sched_getaffinity(0)),
        "memory_mib": psutil.virtual_memory().total >> 20,
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
