"""``meltemi why REQUEST-ID``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.report.archive import read_report
from meltemi.ctl.report.gathering import logs_below
from meltemi.ctl.state import StateOption
from meltemi.ctl.why.cause import causes
from meltemi.ctl.why.hop import Hop, hops
from meltemi.kernel.errors import Blame, MeshError

LOGS = "logs/"


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
            help="Its x-request-id; without, the newest that failed.",
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
    known = hops(logs_of(state) if report is None else logs_in(report))
    if not request:
        request = newest_failure(known)
    found = [each for each in known if each.request_id == request]
    if not found:
        raise NoSuchRequestError(
            f"no proxy has logged {request!r}: is the id that of x-request-id, and is "
            "the log on (PILOT_ACCESS_LOG_FILE, Telemetry)? Lines come up to ten "
            "seconds late"
        )
    if output is not Output.TABLE:
        show([as_json(each) for each in found], output, ())
        return
    typer.echo("\n".join([f"request {request}", *told(found)]))


def newest_failure(known: Sequence[Hop]) -> str:
    """Return the id of the newest request that failed; raise `NoSuchRequestError`."""
    failed = [each for each in known if each.failed]
    if not failed:
        raise NoSuchRequestError("no proxy has logged a request that failed")
    return failed[-1].request_id or ""


def told(found: Sequence[Hop]) -> Iterator[str]:
    """Yield the story of a request: each proxy's part, and then what was decisive."""
    for hop in found:
        by = "itself" if hop.answered_itself else "from behind"
        yield f"{hop.start_time} {_where(hop)}: {hop.method} {hop.path}"
        yield f"    {hop.response_code} {by}, flags {hop.response_flags or '-'}"
        for cause in causes(hop):
            yield f"    because {cause.what}"
            if cause.look:
                yield f"    look at {cause.look}"
    if not any(each.failed for each in found):
        yield "every proxy had a good answer"


def _where(hop: Hop) -> str:
    if hop.inbound:
        return f"{hop.proxy}, called by {hop.downstream_peer_uri_san or 'plain text'}"
    return f"{hop.proxy}, calling {hop.called or hop.authority or 'nobody'}"


def as_json(hop: Hop) -> dict[str, object]:
    """Return a hop, with its causes, for programs."""
    found = [{"what": each.what, "look": each.look} for each in causes(hop)]
    return {**msgspec.to_builtins(hop), "causes": found}


def logs_of(state: Path) -> dict[str, str]:
    """Return the logs of the local mesh, by the parts' names."""
    found = logs_below(state)
    return {name: text.decode(errors="replace") for name, text in found.items()}


def logs_in(report: Path) -> dict[str, str]:
    """Return the logs in a bug report, by name."""
    return {
        name.removeprefix(LOGS).removesuffix(".log"): text.decode(errors="replace")
        for name, text in read_report(report).items()
        if name.startswith(LOGS)
    }
