"""``make bench``: what things cost on this machine, now.

Speed is judged here and nowhere else: tests have deadlines, not targets. A missed
target is printed, and with ``--strict`` it is a failure: for a machine that does
nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import comparison
from report import Report
from suites import LONG, SUITES

from meltemi.kernel.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from measure import Figure


def main() -> None:
    """Measure the suites that are named, or all but the long ones; write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument(
        "--strict", action="store_true", help="exit 1 when a target is missed"
    )
    comparison.add_options(parser)
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES, *LONG])
    chosen = parser.parse_args()
    comparison.take(chosen)
    clock = SystemClock()
    report = Report(comparison.CHOSEN, clock.now())
    for name in chosen.suites or SUITES:
        figures: Iterable[Figure] = {**SUITES, **LONG}[name]()
        for figure in figures:
            print(figure, flush=True)
            report.add(name, figure)
    found = json.dumps(report.document(clock.now()), indent=1)
    chosen.out.write_text(f"{found}\n", encoding="ascii")
    if chosen.strict and report.missed:
        sys.exit(f"missed: {', '.join(report.missed)}")


if __name__ == "__main__":
    main()
