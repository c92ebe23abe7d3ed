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

import certificates
import comparison
import delivery
import distribution
import resolving
import telemetry
import validation
import writes

SUITES = {
    "validation": validation.figures,
    "writes": writes.figures,
    "distribution": distribution.figures,
    "delivery": lambda: delivery.figures(comparison.CHOSEN),
    "certificates": certificates.figures,
    "dns": resolving.figures,
    "telemetry": telemetry.figures,
}


def main() -> None:
    """Measure every suite, or those that are named, and write down what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument(
        "--strict", action="store_true", help="exit 1 when a target is missed"
    )
    comparison.add_options(parser)
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES])
    chosen = parser.parse_args()
    comparison.take(chosen)
    found: list[dict[str, object]] = []
    for name in chosen.suites or SUITES:
        for figure in SUITES[name]():
            print(figure, flush=True)
            found.append({"suite": name, **vars(figure), "met": figure.met})
    chosen.out.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")
    missed = [each["name"] for each in found if each["met"] is False]
    if chosen.strict and missed:
        sys.exit(f"missed: {', '.join(map(str, missed))}")


if __name__ == "__main__":
    main()
