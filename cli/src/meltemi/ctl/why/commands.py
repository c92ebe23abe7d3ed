"""``meltemi why REQUEST-ID``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import yaml

from meltemi.config.kinds import KIND_BY_NAME, Kind
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.report.archive import read_report
from meltemi.ctl.report.gathering import logs_below
from meltemi.ctl.state import StateOption
from meltemi.ctl.why.asking import Asking, asking
from meltemi.ctl.why.cause import Known, causes
from meltemi.ctl.why.flags import PAGE
from meltemi.ctl.why.hop import Hop, hops, turned_away
from meltemi.kernel.errors import Blame, MeshError

LOGS = "logs/"
RBAC = "rbac_access_denied"
POLICY = KIND_BY_NAME["AuthorizationPolicy"]
SPOKEN = tuple(map(KIND_BY_NAME.__getitem__, ("DestinationRule", "PeerAuthentication")))


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
    beside = beside_of(found, logs, state, report)
    if output is not Output.TABLE:
        show([as_json(each, beside) for each in found], output, ())
        return
    typer.echo("\n".join([f"request {request}", *told(found, beside)]))


def beside_of(
    found: Sequence[Hop], logs: dict[str, str], state: Path, report: Path | None
) -> Known:
    """Return what is known beside the lines of a request."""

    def objects(*kinds: Kind) -> list[dict[str, Any]]:
        return objects_of(state, kinds) if report is None else objects_in(report, kinds)

    asked, strangers = Asking(), turned_away(logs)
    if any(RBAC in each.details for each in found):
        asked = asking(objects(POLICY))
    met = any(each.upstream_local_address in strangers for each in found)
    return Known(asked, strangers, tuple(objects(*SPOKEN)) if met else ())


def newest_failure(known: Sequence[Hop]) -> str:
    """Return the id of the newest request that failed; raise `NoSuchRequestError`."""
    failed = [each for each in known if each.failed]
    if not failed:
        raise NoSuchRequestError("no proxy has logged a request that failed")
    return failed[-1].request_id or ""


def told(found: Sequence[Hop], beside: Known) -> Iterator[str]:
    """Yield the story of a request: each proxy's part, and then what was decisive."""
    for hop in found:
        by = "itself" if hop.answered_itself else "from behind"
        yield f"{hop.start_time} {_where(hop)}: {hop.method} {hop.path}"
        yield f"    {hop.response_code} {by}, flags {hop.response_flags or '-'}"
        for cause in causes(hop, beside):
            yield f"    because {cause.what}"
            if cause.look:
                yield f"    look at {cause.look}"
    if any(each.flags for each in found):
        yield f"on flags see {PAGE}"
    if not any(each.failed for each in found):
        yield "every proxy had a good answer"


def _where(hop: Hop) -> str:
    if hop.inbound:
        return f"{hop.proxy}, called by {hop.downstream_peer_uri_san or 'plain text'}"
    return f"{hop.proxy}, calling {hop.called or hop.authority or 'nobody'}"


def as_json(hop: Hop, beside: Known) -> dict[str, object]:
    """Return a hop, with its causes, for programs."""
    found = [{"what": each.what, "look": each.look} for each in causes(hop, beside)]
    return {**msgspec.to_builtins(hop), "causes": found}


def objects_of(state: Path, kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the mesh's objects of ``kinds``; none where Galley does not tell."""
    found: list[dict[str, Any]] = []
    for kind in kinds:
        try:
            answer = connect(state).get(Target(kind, "").path)
        except (MeshError, OSError):
            continue
        found += answer.body["items"] if answer.ok else ()
    return found


def objects_in(report: Path, kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the objects of ``kinds`` in a bug report."""
    text = read_report(report).get("configuration.yaml", b"")
    found = (each for each in yaml.safe_load_all(text) if isinstance(each, dict))
    names = {each.name for each in kinds}
    return [each for each in found if each.get("kind") in names]


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
