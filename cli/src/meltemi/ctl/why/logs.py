"""The logs of proxies: those of the local mesh, or those in a bug report."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from meltemi.ctl.report.archive import read_report
from meltemi.ctl.report.gathering import TAIL, TAILS, log_files, tails_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LOGS: Final = "logs/"


class Logs(NamedTuple):
    """Logs that are open for reading, by the names of the parts."""

    files: Mapping[str, BinaryIO]
    tails: frozenset[str] = frozenset()
    """Those of which there is only the end: a report took no more of them."""


@contextlib.contextmanager
def opened(state: Path, report: Path | None) -> Iterator[Logs]:
    """Have all logs open for reading: whole, or what a report has of them."""
    if report is not None:
        yield _in(read_report(report))
        return
    with contextlib.ExitStack() as stack:
        yield Logs(
            {
                name: stack.enter_context(file.open("rb"))
                for name, file in log_files(state).items()
            }
        )


def _in(report: Mapping[str, bytes]) -> Logs:
    texts = {
        name.removeprefix(LOGS).removesuffix(".log"): text
        for name, text in report.items()
        if name.startswith(LOGS)
    }
    # Reports of before do not say it: there, one as long as may be was longer.
    tails = (
        tails_in(report[TAILS])
        if TAILS in report
        else {name for name, text in texts.items() if len(text) >= TAIL}
    )
    files = {name: io.BytesIO(text) for name, text in texts.items()}
    return Logs(files, frozenset(tails))
