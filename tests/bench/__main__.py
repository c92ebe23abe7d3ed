"""``make bench``: what things cost on this machine, now.

Speed is judged here and nowhere else: tests have deadlines, not targets.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import distribution
import validation
import writes

SUITES = {
    "validation": validation.figures,
    "writes": writes.figures,
    "distribution": distribution.figures,
}


def main() -> None:
    """Measure every suite, or those that are named, and write down what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES])
    chosen = parser.parse_args()
    found = []
    for name in chosen.suites or SUITES:
        for figure in SUITES[name]():
            print(figure, flush=True)
            found.append({"suite": name, **vars(figure), "met": figure.met})
    chosen.out.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
