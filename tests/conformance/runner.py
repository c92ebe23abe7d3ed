"""Run Istio's own test cases: ``make conformance DATA=DIR [SUITE=name] [CASE=part]``.

Exits 0 when every suite that ran meets its floor, 1 when one does not, 2 when the
data is unusable. What became of each case is in ``conformance.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.testkit.conformance.case import Status, UnusableDataError
from meltemi.testkit.conformance.suites import run

if TYPE_CHECKING:
    from meltemi.testkit.conformance.case import Result

FLOORS = Path(__file__).with_name("floors.toml")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the data")
    parser.add_argument("--suite", default="", help="run this suite only")
    parser.add_argument("--case", default="", help="run cases with this in their name")
    parser.add_argument("--out", type=Path, default=Path("conformance.json"))
    asked = parser.parse_args(arguments)
    try:
        results = run(asked.data, suite=asked.suite, case=asked.case)
    except UnusableDataError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    asked.out.write_text(json.dumps(_listed(results), indent=1) + "\n", "utf-8")
    floors = tomllib.loads(FLOORS.read_text("utf-8"))
    below = [name for name, each in results.items() if share(each) < floors[name]]
    for name in below:
        print(f"{name} is below its floor of {floors[name]:.0%}", file=sys.stderr)
    _print_counts(results)
    return 1 if below else 0


def share(results: list[Result]) -> float:
    """Return passed among passed and failed; 1 when nothing was judged."""
    counts = Counter(each.status for each in results)
    judged = counts[Status.PASSED] + counts[Status.FAILED]
    return counts[Status.PASSED] / judged if judged else 1.0


def _listed(results: dict[str, list[Result]]) -> dict[str, list[dict[str, str]]]:
    return {name: [asdict(each) for each in listed] for name, listed in results.items()}


def _print_counts(results: dict[str, list[Result]]) -> None:
    totals: Counter[Status] = Counter()
    for name, listed in results.items():
        counts = Counter(each.status for each in listed)
        totals += counts
        words = ", ".join(f"{counts[status]} {status}" for status in Status)
        print(f"{name}: {words}", flush=True)
    print(f"{totals[Status.PASSED]} passed, {totals[Status.FAILED]} failed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
