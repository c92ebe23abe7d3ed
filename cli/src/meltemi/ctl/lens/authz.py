"""``meltemi authz explain``: may A call B, and which rule says so."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from meltemi.ctl.galley.write import Recursive
from meltemi.ctl.lens.address import UnknownHostError, is_address
from meltemi.ctl.lens.caller import Caller, Door, caller, hello
from meltemi.ctl.lens.header import HeaderOption, headers
from meltemi.ctl.lens.held import held
from meltemi.ctl.lens.journey import Visit
from meltemi.ctl.lens.origins import origins
from meltemi.ctl.lens.proxies import named
from meltemi.ctl.lens.running import spelled_or_running
from meltemi.ctl.lens.trace import EXIT_FAILS, Sources, visit_plain, where
from meltemi.ctl.lens.world import World
from meltemi.ctl.output import HomeOption, Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.kernel.clock import SystemClock
from meltemi.pilot.scope.proxy import Proxy
from meltemi.pilot.trace import Answer, Call, Http, Stage, Way, trace

DECIDING = (Stage.HANDSHAKE, Stage.POLICY)
Asking = Annotated[
    str,
    typer.Option(
        "--from",
        help="The workload that asks, a spiffe:// id that shows its certificate, "
        "or the address of one outside the mesh.",
    ),
]
Port = Annotated[
    int, typer.Option("--port", help="The port of its service.", min=1, max=65535)
]
Host = Annotated[
    str, typer.Option("--host", help="Whom it asks for; if not said the service.")
]
Bytes = Annotated[bool, typer.Option("--tcp", help="It sends bytes, and no request.")]
Address = Annotated[
    str, typer.Option("--address", help="Where it calls from; if not said its own.")
]

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
    asking: Asking,
    server: Annotated[str, typer.Option("--to", help="The workload that is asked.")],
    port: Port,
    path: Annotated[str, typer.Option("--path", help="What it asks for.")] = "/",
    method: Annotated[str, typer.Option("--method", help="And how.")] = "GET",
    jwt: Annotated[str, typer.Option("--jwt", help="The token it brings.")] = "",
    host: Host = "",
    header: HeaderOption = None,
    tcp: Bytes = False,
    address: Address = "",
    namespace: HomeOption = "default",
    recursive: Recursive = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell whether a workload may be called, and by which rule. Exits 1 for no.

    A sidecar calls as it does in the mesh: with mutual TLS where the server takes it.
    Such as: authz explain --from productpage-v1 --to reviews-v1 --port 9080
    """
    _check(address, asking)
    world = spelled_or_running(
        filename, state=state, namespace=namespace, recursive=recursive
    )
    who, asked = caller(world, asking, address), named(world, server)
    door = _door(world, asked, port, tcp=tcp)
    named_host, given = headers(header or [])
    tokens = (("authorization", f"Bearer {jwt}"),) if jwt else ()
    wanted = host or named_host or door.service or asked.name
    request = Http(wanted, path, method.upper(), (*given, *tokens))
    call = _call(world, who, door, None if tcp else request)
    there = held(world.index, asked.group)
    visit = Visit(asked.name, there, trace(there.envoy, call))
    _show(world, visit, output)
    if visit.answer.problem:
        raise typer.Exit(EXIT_FAILS)


def _check(address: str, asking: str) -> None:
    if address and not is_address(address):
        raise typer.BadParameter(f"--address {address!r} is no IP address")
    if address and is_address(asking):
        raise typer.BadParameter(f"--from {asking} is an address: say no --address")


def _show(world: World, visit: Visit, output: Output) -> None:
    if output is Output.TABLE:
        for line in lines(world, visit):
            typer.echo(line)
        return
    show(plain(world, visit), output, ())


def plain(world: World, visit: Visit) -> dict[str, Any]:
    """Return the answer as JSON; ``policy`` is the rule that decided, if one did."""
    answer = visit.answer
    return {
        "allowed": answer.problem is None,
        "sure": is_sure(answer),
        "policy": deciding_policy(answer),
        **visit_plain(world, visit),
    }


def is_sure(answer: Answer) -> bool:
    """Tell whether nobody else is asked who may refuse it."""
    return answer.problem is not None or all(each.sure for each in answer.verdicts)


def deciding_policy(answer: Answer) -> str:
    """Return the rule that refused, or the last that let the call pass; or nothing."""
    enforced = [each for each in answer.verdicts if not each.dry]
    if answer.problem:
        return enforced[-1].policy if enforced else ""
    return next((each.policy for each in reversed(enforced) if each.policy), "")


def _call(world: World, who: Caller, door: Door, request: Http | None) -> Call:
    """Return the call as it arrives at the workload's proxy."""
    return Call(
        door.address,
        door.port,
        way=Way.INBOUND,
        tls=hello(world, who, door),
        http=request,
        source=who.address,
        now=SystemClock().now().timestamp(),
        signatures=True,
    )


def _door(world: World, asked: Proxy, port: int, *, tcp: bool) -> Door:
    """Return the door of the service that has the port and is at the workload.

    A proxy that captures takes any port; to another only the server name tells it.
    """
    for service in world.index.services.all:
        known = service.port(port)
        for each in service.of(known) if known else ():
            if asked.name == f"{each.name}.{each.namespace}":
                bytes_only = tcp or bool(known and known.protocol.is_tcp)
                return Door(service.host, port, each.address, each.port, bytes_only)
    if asked.group.captured:
        return Door("", port, asked.node_id.split("~")[1], port, bytes_only=tcp)
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
    if answer.problem:
        status = answer.verdicts[-1].status if answer.verdicts else 0
        yield f"refused: {answer.problem.value}" + (f" ({status})" if status else "")
    else:
        yield "allowed" if is_sure(answer) else "allowed, as far as is known here"
