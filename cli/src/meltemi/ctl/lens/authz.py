"""``meltemi authz explain``: may A call B, and which rule says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from meltemi.ctl.galley.write import Recursive
from meltemi.ctl.lens.address import UnknownHostError
from meltemi.ctl.lens.header import HeaderOption, headers
from meltemi.ctl.lens.held import held
from meltemi.ctl.lens.journey import Visit, principal
from meltemi.ctl.lens.origins import origins
from meltemi.ctl.lens.proxies import named
from meltemi.ctl.lens.running import spelled_or_running
from meltemi.ctl.lens.trace import EXIT_FAILS, Sources, visit_plain, where
from meltemi.ctl.lens.world import World
from meltemi.ctl.output import HomeOption, Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.pilot.scope.proxy import Proxy
from meltemi.pilot.trace import Call, Http, Stage, Tls, Way, trace
from meltemi.pilot.translate.name import server_name

DECIDING = (Stage.HANDSHAKE, Stage.POLICY)
HTTP_ALPN = ("istio-http/1.1", "istio", "http/1.1")
"""What a sidecar of the mesh offers a server for requests it has read."""
TCP_ALPN = ("istio-peer-exchange", "istio")
"""What it offers for bytes."""


commands = typer.Typer(name="authz", help="Who may call whom.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.add_typer(commands)


@commands.callback()
def group() -> None:
    """Keep ``explain`` a command of its own, though there is only one."""


@commands.command()
def explain(  # noqa: PLR0913 - Typer reads the signature
    *,
    state: StateOption,
    filename: Sources = [],  # noqa: B006 - Typer reads it, nobody changes it
    caller: Annotated[str, typer.Option("--from", help="The workload that asks.")],
    server: Annotated[str, typer.Option("--to", help="The workload that is asked.")],
    port: Annotated[
        int,
        typer.Option("--port", help="The port of its service.", min=1, max=65535),
    ],
    path: Annotated[str, typer.Option("--path", help="What it asks for.")] = "/",
    method: Annotated[str, typer.Option("--method", help="And how.")] = "GET",
    jwt: Annotated[str, typer.Option("--jwt", help="The token it brings.")] = "",
    host: Annotated[
        str, typer.Option("--host", help="Whom it asks for; if not said the service.")
    ] = "",
    header: HeaderOption = None,
    namespace: HomeOption = "default",
    recursive: Recursive = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell whether a workload may call another, with mutual TLS. Exits 1 for no.

    Such as: authz explain --from productpage-v1 --to reviews-v1 --port 9080
    """
    world = spelled_or_running(
        filename, state=state, namespace=namespace, recursive=recursive
    )
    asking, asked = named(world, caller), named(world, server)
    there = held(world.index, asked.group)
    door = _door(world, asked, port)
    named_host, given = headers(header or [])
    tokens = (("authorization", f"Bearer {jwt}"),) if jwt else ()
    wanted = host or named_host or door.host
    request = Http(wanted, path, method.upper(), (*given, *tokens))
    answer = trace(there.envoy, _call(world, (asking, asked), door, request))
    visit = Visit(asked.name, there, answer)
    _show(world, visit, output)
    if answer.problem:
        raise typer.Exit(EXIT_FAILS)


def _show(world: World, visit: Visit, output: Output) -> None:
    if output is Output.TABLE:
        for line in lines(world, visit):
            typer.echo(line)
        return
    allowed = visit.answer.problem is None
    show({"allowed": allowed, **visit_plain(world, visit)}, output, ())


@dataclass(frozen=True, slots=True)
class Door:
    """Where a workload is called: its own port, and what callers say in TLS."""

    port: int
    host: str
    server_name: str
    alpn: tuple[str, ...]


def _call(world: World, ends: tuple[Proxy, Proxy], door: Door, request: Http) -> Call:
    """Return the call of one proxy at another, with mutual TLS."""
    asking, asked = ends
    return Call(
        asked.node_id.split("~")[1],
        door.port,
        way=Way.INBOUND,
        tls=Tls(
            door.server_name,
            door.alpn,
            certificate=True,
            principal=principal(world, asking),
        ),
        http=request,
        source=asking.node_id.split("~")[1],
    )


def _door(world: World, asked: Proxy, port: int) -> Door:
    """Return the door of the service that has the port and is at the workload.

    A proxy that captures takes any port; to another only the server name tells it.
    """
    for service in world.index.services.all:
        known = service.port(port)
        for each in service.of(known) if known else ():
            if asked.name == f"{each.name}.{each.namespace}":
                alpn = TCP_ALPN if known and known.protocol.is_tcp else HTTP_ALPN
                name = server_name(port, "", service.host)
                return Door(each.port, service.host, name, alpn)
    if asked.group.captured:
        return Door(port, asked.name, "", HTTP_ALPN)
    raise UnknownHostError(f"no service with port {port} is at {asked.name}")


def lines(world: World, visit: Visit) -> Iterator[str]:
    """Yield what decided, as a person reads it."""
    answer = visit.answer
    for step in answer.steps:
        if step.stage not in DECIDING:
            continue
        yield f"{step.stage.value} {step.name}: {step.why}"
        for origin in origins(visit.held.made, answer, step):
            yield f"    {where(world, origin)}"
    if not answer.verdicts:
        yield "no policy applies to this port"
    yield f"refused: {answer.problem.value}" if answer.problem else "allowed"
