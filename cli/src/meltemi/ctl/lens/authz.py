"""``meltemi authz explain``: may A call B, and which rule says so."""

from collections.abc import Iterator
from typing import Annotated

import typer

from meltemi.ctl.galley.text import texts
from meltemi.ctl.galley.write import Recursive
from meltemi.ctl.lens.held import held
from meltemi.ctl.lens.journey import Visit, principal
from meltemi.ctl.lens.origins import origins
from meltemi.ctl.lens.proxies import named
from meltemi.ctl.lens.trace import EXIT_FAILS, Sources, visit_plain, where
from meltemi.ctl.lens.world import World, written
from meltemi.ctl.output import HomeOption, Output, OutputOption, show
from meltemi.pilot.trace import Call, Http, Stage, Tls, Way, trace

DECIDING = (Stage.HANDSHAKE, Stage.POLICY)
ALPN = ("istio-http/1.1", "istio", "http/1.1")
"""What a sidecar of the mesh offers a server."""


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
    filename: Sources,
    caller: Annotated[str, typer.Option("--from", help="The workload that asks.")],
    server: Annotated[str, typer.Option("--to", help="The workload that is asked.")],
    port: Annotated[int, typer.Option("--port", help="Where it listens.")],
    path: Annotated[str, typer.Option("--path")] = "/",
    method: Annotated[str, typer.Option("--method")] = "GET",
    jwt: Annotated[str, typer.Option("--jwt", help="The token it brings.")] = "",
    namespace: HomeOption = "default",
    recursive: Recursive = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell whether a workload may call another, with mutual TLS. Exits 1 for no."""
    world = written(texts(filename, recursive=recursive), namespace=namespace)
    asking, asked = named(world, caller), named(world, server)
    there = held(world.index, asked.group)
    tokens = (("authorization", f"Bearer {jwt}"),) if jwt else ()
    call = Call(
        asked.node_id.split("~")[1],
        port,
        way=Way.INBOUND,
        tls=Tls("", ALPN, certificate=True, principal=principal(world, asking)),
        http=Http(asked.name, path, method.upper(), tokens),
        source=asking.node_id.split("~")[1],
    )
    answer = trace(there.envoy, call)
    visit = Visit(asked.name, there, answer)
    if output is Output.TABLE:
        for line in lines(world, visit):
            typer.echo(line)
    else:
        found = {"allowed": answer.problem is None, **visit_plain(world, visit)}
        show(found, output, ())
    if answer.problem:
        raise typer.Exit(EXIT_FAILS)


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
