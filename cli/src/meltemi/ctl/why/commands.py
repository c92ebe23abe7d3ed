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
from meltemi.ctl.why.evidence import Account, Evidence
from meltemi.ctl.why.hop import Hop, hops
from meltemi.ctl.why.refusal import Refusal
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
    logs = logs_of(state) if report is None else logs_in(report)
    known = hops(logs)
    if not request:
        request = newest_failure(known)
    found = [each for each in known if each.request_id == request]
    if not found:
        raise NoSuchRequestError(
            f"no proxy has logged {request!r}: is the id that of x-request-id, and is "
            "the log on (PILOT_ACCESS_LOG_FILE, Telemetry)? Lines come up to ten "
            "seconds late"
        )
    accounts = Evidence(state, report, logs).accounts(found)
    if output is not Output.TABLE:
        show([as_json(each) for each in accounts], output, ())
        return
    typer.echo("\n".join([f"request {request}", *told(accounts)]))


def newest_failure(known: Sequence[Hop]) -> str:
    """Return the id of the newest request that failed; raise `NoSuchRequestError`."""
    failed = [each for each in known if each.failed]
    if not failed:
        raise NoSuchRequestError("no proxy has logged a request that failed")
    return failed[-1].request_id or ""


def told(accounts: Sequence[Account]) -> Iterator[str]:
    """Yield the story of a request: each proxy's part, and then what was decisive."""
    for hop, found, refusal in accounts:
        by = "itself" if hop.answered_itself else "from behind"
        yield f"{hop.start_time} {_where(hop)}: {hop.method} {hop.path}"
        yield f"    {hop.response_code} {by}, flags {hop.response_flags or '-'}"
        if refusal:
            yield f"    {_met(refusal)}"
        for cause in found:
            yield f"    because {cause.what}"
            if cause.look:
                yield f"    look at {cause.look}"
            if cause.page:
                yield f"    see {cause.page}"
    if not any(each.hop.failed for each in accounts):
        yield "every proxy had a good answer"


def _met(refusal: Refusal) -> str:
    server = refusal.server
    return (
        f"{server.start_time} {server.proxy} took no connection from "
        f"{server.downstream_remote_address}: {server.details}"
    )


def _where(hop: Hop) -> str:
    if hop.inbound:
        return f"{hop.proxy}, called by {hop.downstream_peer_uri_san or 'plain text'}"
    return f"{hop.proxy}, calling {hop.called or hop.authority or 'nobody'}"


def as_json(account: Account) -> dict[str, object]:
    """Return a hop, with its causes, for programs."""
    return {
        **msgspec.to_builtins(account.hop),
        "causes": [
            {"what": each.what, "look": each.look, "page": each.page}
            for each in account.causes
        ],
    }


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
