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
from suites import LONG, SUITES

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
    found: list[dict[str, object]] = []
    for name in chosen.suites or SUITES:
        figures: Iterable[Figure] = {**SUITES, **LONG}[name]()
        for figure in figures:
            print(figure, flush=True)
            found.append({"suite": name, **vars(figure), "met": figure.met})
    chosen.out.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")
    missed = [each["name"] for each in found if each["met"] is False]
    if chosen.strict and missed:
        sys.exit(f"missed: {', '.join(map(str, missed))}")


if __name__ == "__main__":
    main()
