"""``meltemi trace``: where a request goes, at both ends, and whose line says so."""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from meltemi.ctl.galley.write import Recursive
from meltemi.ctl.lens.header import HeaderOption, headers
from meltemi.ctl.lens.journey import Journey, Visit, dialled, travel
from meltemi.ctl.lens.origins import origins
from meltemi.ctl.lens.proxies import gateway, labels, named
from meltemi.ctl.lens.running import spelled_or_running
from meltemi.ctl.lens.world import World
from meltemi.ctl.output import HomeOption, Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.kernel.clock import SystemClock
from meltemi.pilot.ir import Origin
from meltemi.pilot.trace import Call, Http, Tls, Verdict

EXIT_FAILS = 1
PORTS = {"http": 80, "https": 443, "tcp": 0}
BROWSERS = ("h2", "http/1.1")
"""What clients that speak TLS themselves offer."""
Sources = Annotated[
    list[str],
    typer.Option(
        "-f",
        "--filename",
        help="The mesh: files, folders, or -; without any the one that runs.",
    ),
]


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def trace(  # noqa: PLR0913 - Typer reads the signature
    method: Annotated[str, typer.Argument(metavar="METHOD", help="CONNECT for TCP.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="http, https or tcp://.")],
    *,
    state: StateOption,
    filename: Sources = [],  # noqa: B006 - Typer reads it, nobody changes it
    caller: Annotated[
        str, typer.Option("--from", help="The workload that asks.", metavar="WORKLOAD")
    ] = "",
    at: Annotated[
        str, typer.Option("--at", help="The gateway that is asked.", metavar="GATEWAY")
    ] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Of the gateway: NAME=VALUE.")
    ] = None,
    header: HeaderOption = None,
    namespace: HomeOption = "default",
    recursive: Recursive = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell where a request goes and why. Exits 1 when it would not arrive.

    It comes from a workload (--from), or from outside the mesh to a gateway (--at).
    Such as: trace GET http://reviews:9080/x -H 'end-user: jason' --from productpage-v1
    """
    if bool(caller) == bool(at):
        raise typer.BadParameter("say either --from WORKLOAD or --at GATEWAY")
    world = spelled_or_running(
        filename, state=state, namespace=namespace, recursive=recursive
    )
    who = gateway(world, at, labels(label or [])) if at else named(world, caller)
    call = dialled(world, who, _call(method, url, header or []))
    journey = travel(world, who, call)
    if output is Output.TABLE:
        for line in lines(world, journey):
            typer.echo(line)
    else:
        show(plain(world, journey), output, ())
    if journey.problem:
        raise typer.Exit(EXIT_FAILS)


def _call(method: str, url: str, words: list[str]) -> Call:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise typer.BadParameter(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise typer.BadParameter(
            f"{url!r} is not http://HOST[:PORT]/…, https://… or tcp://HOST:PORT"
        )
    port = port or PORTS[parts.scheme]
    if not port:
        raise typer.BadParameter(f"{url!r} has no port")
    now = SystemClock().now().timestamp()
    if parts.scheme == "tcp":
        return Call(parts.hostname, port, now=now)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host, rest = headers(words)
    asked = host or parts.netloc.rpartition("@")[2]
    request = Http(asked, path, method.upper(), rest)
    tls = Tls(parts.hostname, BROWSERS) if parts.scheme == "https" else None
    return Call(parts.hostname, port, tls=tls, http=request, now=now, signatures=True)


def lines(world: World, journey: Journey) -> Iterator[str]:
    """Yield the journey as a person reads it."""
    for visit in (journey.client, *journey.servers):
        yield f"{visit.proxy} ({'client' if visit is journey.client else 'server'})"
        for step in visit.answer.steps:
            name = f" {step.name}" if step.name else ""
            yield f"  {step.stage.value}{name}: {step.why}"
            for origin in origins(visit.held.made, visit.answer, step):
                yield f"      {where(world, origin)}"
        for target in visit.answer.targets:
            for each in target.endpoints:
                sick = "" if each.healthy else ", unhealthy"
                yield f"  endpoint {each.address}:{each.port} ({target.cluster}{sick})"
    if journey.problem:
        proxy, problem = journey.problem
        yield f"fails at {proxy}: {problem.value}"
    else:
        yield "arrives"


def plain(world: World, journey: Journey) -> dict[str, Any]:
    """Return the journey as JSON."""
    problem = journey.problem
    return {
        "arrives": problem is None,
        "problem": {"proxy": problem[0], "code": problem[1].value} if problem else None,
        "client": visit_plain(world, journey.client),
        "servers": [visit_plain(world, each) for each in journey.servers],
    }


def visit_plain(world: World, visit: Visit) -> dict[str, Any]:
    """Return what one proxy did, as JSON."""
    answer = visit.answer
    return {
        "proxy": visit.proxy,
        "problem": answer.problem.value if answer.problem else None,
        "steps": [
            {
                "stage": step.stage.value,
                "name": step.name,
                "why": step.why,
                "origins": [
                    _origin(world, each)
                    for each in origins(visit.held.made, answer, step)
                ],
            }
            for step in answer.steps
        ],
        "verdicts": [_verdict(each) for each in answer.verdicts],
        "targets": [
            {
                "cluster": target.cluster,
                "weight": target.weight,
                "endpoints": [
                    {"address": f"{each.address}:{each.port}", "healthy": each.healthy}
                    for each in target.endpoints
                ],
            }
            for target in answer.targets
        ],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "filter": verdict.filter,
        "policy": verdict.policy,
        "allowed": verdict.allowed,
        "sure": verdict.sure,
        "dry": verdict.dry,
        "status": verdict.status,
        "why": verdict.why,
    }


def _origin(world: World, origin: Origin) -> dict[str, Any]:
    source = world.source(origin)
    return {
        "object": origin.subject,
        "path": origin.path,
        "file": source.file if source else "",
        "line": source.line if source else 0,
    }


def where(world: World, origin: Origin) -> str:
    """Return an object, its field, and the line it stands on."""
    source = world.source(origin)
    path = f" {origin.path}" if origin.path else ""
    place = f" ({source.file}:{source.line})" if source else ""
    return f"{origin.subject}{path}{place}"
