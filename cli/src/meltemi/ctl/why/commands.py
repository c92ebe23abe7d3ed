"""``meltemi why REQUEST-ID``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from meltemi.ctl.galley.connect import connect
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.report.gathering import TAIL
from meltemi.ctl.state import StateOption
from meltemi.ctl.why.evidence import Account, Evidence
from meltemi.ctl.why.logs import opened
from meltemi.ctl.why.search import ENOUGH, Search
from meltemi.ctl.why.story import as_json, told
from meltemi.kernel.errors import Blame, MeshError

MIB = 1024 * 1024


class NoSuchRequestError(MeshError):
    """No proxy logged a request with this id."""

    code = "why.no-such-request"
    blame = Blame.CALLER


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(why)


def why(
    request: Annotated[
        str,
        typer.Argument(
            metavar="[REQUEST-ID]",
            help="Its x-request-id, or a trace's id; without, the newest that failed.",
        ),
    ] = "",
    *,
    state: StateOption,
    report: Annotated[
        Path | None, typer.Option("--from", help="Read this bug report, no mesh.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell what became of a request, and why, from what each proxy logged of it."""
    with opened(state, report) as logs:
        if report is None and not logs.files:
            connect(state)  # says that there is no mesh
        search = Search(logs.files, tails=logs.tails)
        request = request or newest_failure(search, report)
        accounts = accounts_of(request, Evidence(state, report, search))
    if output is Output.TABLE:
        typer.echo("\n".join(told(request, accounts)))
    else:
        show([as_json(each) for each in accounts], output, ())
    if search.cut or search.full:
        typer.echo(f"note: there may be more of it{unread(search, report)}", err=True)


def newest_failure(search: Search, report: Path | None) -> str:
    """Return the id of the newest request that failed; raise `NoSuchRequestError`."""
    failed = search.newest_failure()
    if failed is None:
        where = unread(search, report)
        raise NoSuchRequestError(f"no proxy has logged a request that failed{where}")
    return failed.request_id or ""


def accounts_of(request: str, evidence: Evidence) -> Sequence[Account]:
    """Return what became of ``request``; raise `NoSuchRequestError`."""
    found = evidence.search.of(request)
    if not found:
        where = unread(evidence.search, evidence.report)
        raise NoSuchRequestError(
            f"no proxy has logged {request!r}: is the id that of x-request-id, and is "
            "the log on (PILOT_ACCESS_LOG_FILE, Telemetry)? Lines come up to ten "
            f"seconds late{where}"
        )
    return evidence.accounts(found)


def unread(search: Search, report: Path | None) -> str:
    """Return what to say of what nobody has looked at; empty: there is nothing."""
    if not search.cut:
        return f"; nobody looked on after {ENOUGH} lines" if search.full else ""
    names = ", ".join(sorted(search.cut))
    if report is not None:
        return f"; of the log of {names} the report has only the last {TAIL // MIB} MiB"
    return f"; of the log of {names} only the last {search.most // MIB} MiB were read"
