"""The logs of proxies: those of the local mesh, or those in a bug report."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, BinaryIO, Final

from meltemi.ctl.report.archive import read_report
from meltemi.ctl.report.gathering import log_files, logs_below

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGS: Final = "logs/"


@contextlib.contextmanager
def opened(state: Path, report: Path | None) -> Iterator[dict[str, BinaryIO]]:
    """Have all logs open for reading, by name: whole, or what a report has of them."""
    if report is not None:
        yield {name: io.BytesIO(text) for name, text in _in(report).items()}
        return
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(file.open("rb"))
            for name, file in log_files(state).items()
        }


def logs_of(state: Path) -> dict[str, str]:
    """Return the ends of the logs of the local mesh, by the parts' names."""
    return _texts(logs_below(state))


def logs_in(report: Path) -> dict[str, str]:
    """Return the logs in a bug report, by name."""
    return _texts(_in(report))


def _in(report: Path) -> dict[str, bytes]:
    return {
        name.removeprefix(LOGS).removesuffix(".log"): text
        for name, text in read_report(report).items()
        if name.startswith(LOGS)
    }


def _texts(logs: dict[str, bytes]) -> dict[str, str]:
    return {name: text.decode(errors="replace") for name, text in logs.items()}
