"""``meltemi workload`` and ``meltemi run``: applications in the mesh, and out again."""

import os
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import typer

from meltemi.credentials.invitation import Invitation
from meltemi.ctl.citadel import workload_token
from meltemi.ctl.galley.client import EXIT_DENIED, failed
from meltemi.ctl.galley.connect import connect, running
from meltemi.ctl.local.interrupts import locked
from meltemi.ctl.local.mesh import has_pods
from meltemi.ctl.local.processes import inherited
from meltemi.ctl.output import DEFAULT_NAMESPACE, Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.ctl.workload.attendant import (
    NOT_FOUND,
    AgentProgram,
    Attendant,
    Program,
    TokenRefusedError,
    tethered,
)
from meltemi.ctl.workload.folder import Home
from meltemi.ctl.workload.holder import Holder, holder_of
from meltemi.ctl.workload.housing import housed
from meltemi.ctl.workload.invited import invited, own_address
from meltemi.ctl.workload.listing import HEADING, cells, registered
from meltemi.ctl.workload.machine import (
    capturing,
    control_plane,
    machine_options,
)
from meltemi.ctl.workload.plan import (
    SECRET,
    Place,
    agent_environ,
    application_environ,
    inbound,
)
from meltemi.ctl.workload.token import token_said
from meltemi.ctl.workload.wish import (
    LOOPBACK,
    BadWishError,
    Port,
    Upstream,
    Wish,
    health_of,
    labels_of,
    name_of,
)
from meltemi.kernel.clock import SystemClock
from meltemi.proxy.capture.options import CaptureOptions
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import Address, read_settings

ENTRIES = "/apis/networking.istio.io/v1/workloadentries"
PROXIES = "/api/v1/proxies"
TOKEN_SECONDS = 600

workload = typer.Typer(help="Workloads of your own: join a mesh, and leave it.")
alone = typer.Typer()

ServiceOption = Annotated[
    str, typer.Option("--service", help="Its label app, which services select it by.")
]
PortOption = Annotated[
    str,
    typer.Option(
        "--port", metavar="P[:NAME]", help="The service's port: number and name."
    ),
]
NameOption = Annotated[
    str, typer.Option("--name", help="What it is called. [SERVICE-MACHINE]")
]
AppOption = Annotated[
    str,
    typer.Option(
        "--app",
        metavar="[HOST:]PORT",
        help="Where the application listens. [127.0.0.1:P]",
    ),
]
GroupOption = Annotated[str, typer.Option("--group", help="Its WorkloadGroup.")]
LabelOption = Annotated[
    list[str], typer.Option("--label", metavar="KEY=VALUE", help="One more label.")
]
UpstreamOption = Annotated[
    list[str],
    typer.Option(
        "--upstream",
        metavar="HOST:PORT=LOCAL",
        help="A service it calls, and the port here that reaches it.",
    ),
]
AddressOption = Annotated[
    str, typer.Option(metavar="IP", help="Where others reach this machine.")
]
HealthOption = Annotated[
    str,
    typer.Option(
        "--health",
        metavar="HOW",
        help="Be called only while well: http:/PATH, tcp, grpc or exec:COMMAND.",
    ),
]
TokenOption = Annotated[
    str,
    typer.Option(envvar=SECRET, help="The token; whoever lists processes sees it."),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The token of meltemi token create --ns --sa; - for standard input.",
    ),
]
CaOption = Annotated[
    str, typer.Option(metavar="FILE", help="Roots to believe Galley by.")
]
Words = Annotated[
    list[str], typer.Argument(metavar="[-- CMD...]", help="The application.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(workload, name="workload")
    app.registered_commands += alone.registered_commands


@workload.command()
def join(  # noqa: PLR0913 - Typer reads the signature
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Galley's: https://HOST.")],
    command: Words = [],  # noqa: B006 - Typer reads it, nobody changes it
    *,
    state: StateOption,
    service: ServiceOption,
    port: PortOption,
    token: TokenOption = "",
    token_file: TokenFileOption = None,
    ca: CaOption = "",
    name: NameOption = "",
    address: AddressOption = "",
    app: AppOption = "",
    group: GroupOption = "",
    label: LabelOption = [],  # noqa: B006 - likewise
    upstream: UpstreamOption = [],  # noqa: B006 - likewise
    node: Annotated[str, typer.Option(help="What a token may be bound to.")] = "",
    health: HealthOption = "",
    captured: Annotated[
        bool, typer.Option("--captured", help="Send this machine's traffic through it.")
    ] = False,
) -> None:
    """Join the mesh at URL, from the machine of the workload, with one command.

    Starts its agent and Envoy, gets its certificate, registers it, and runs CMD when
    others can reach it. When CMD ends the workload leaves, and the exit code is CMD's.
    """
    told = port_and_place(port, app)
    secret = token_said(context, token, token_file)
    wish = Wish(
        name or name_of(service, socket.gethostname()),
        service,
        *told,
        address or own_address(url),
        labels_of(label),
        group,
        tuple(map(Upstream.parse, upstream)),
        node,
        health_of(health, told[0]),
        captured,
    )
    believed = str(Path(ca).absolute()) if ca else ""
    raise typer.Exit(housed_part(state, wish, command, (url, believed, secret)))


@alone.command()
def run(  # noqa: PLR0913 - Typer reads the signature
    command: Words,
    *,
    state: StateOption,
    service: ServiceOption,
    port: PortOption,
    ns: Annotated[str, typer.Option(help="Its namespace.")] = DEFAULT_NAMESPACE,
    sa: Annotated[str, typer.Option(help="Its service account. [SERVICE]")] = "",
    name: NameOption = "",
    app: AppOption = "",
    group: GroupOption = "",
    label: LabelOption = [],  # noqa: B006 - likewise
    upstream: UpstreamOption = [],  # noqa: B006 - likewise
    health: HealthOption = "",
) -> None:
    """Run CMD as a workload of the local mesh, with a token made for it.

    Its proxy is ready before CMD starts, and drained when CMD ends. Signals go to CMD,
    and the exit code is CMD's: 128 and the number of a signal that ended it. Where the
    workloads of the mesh are in pods CMD is in one, too, and calls services by name;
    with --upstream it has the ports that it names instead.
    """
    told = port_and_place(port, app)
    record, layout = running(state)
    wish = Wish(
        name or name_of(service, socket.gethostname()),
        service,
        *told,
        LOOPBACK,
        labels_of(label),
        group,
        tuple(map(Upstream.parse, upstream)),
        health=health_of(health, told[0]),
        captured=not upstream and has_pods(record),
    )
    asked = {
        "namespace": ns,
        "service_account": sa or service,
        "ttl_seconds": TOKEN_SECONDS,
        "once": True,
    }
    secret = workload_token.create(state, asked)
    url = f"http://{layout.at('galley')}"
    raise typer.Exit(housed_part(state, wish, command, (url, "", secret)))


@workload.command("list")
def list_workloads(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """List the workloads that their agents registered, and whether they are there."""
    galley = connect(state)
    entries, proxies = galley.get(ENTRIES), galley.get(PROXIES)
    for answer in (entries, proxies):
        if not answer.ok:
            raise failed(answer)
    rows = registered(entries.body["items"], proxies.body)
    show(rows, output, [list(HEADING), *map(cells, rows)])


@workload.command()
def leave(name: str, *, state: StateOption) -> None:
    """End the workload NAME of this machine: it leaves, drains, and is forgotten.

    Its application gets SIGTERM. A new token is needed to join again.
    """
    Home(state, name).leave()
    typer.echo(f"workload/{name} left")


def housed_part(
    state: Path, wish: Wish, command: Sequence[str], entry: tuple[str, str, str]
) -> int:
    """Do as `take_part` does, where others of the mesh reach the workload."""
    with housed(state, entry[0], wish, command) as there:
        return take_part(state, there, command, entry)


def take_part(
    state: Path, wish: Wish, command: Sequence[str], entry: tuple[str, str, str]
) -> int:
    """Be in the mesh while ``command`` runs; return the exit code.

    ``entry`` is Galley's URL, the file of roots to believe it by, and the token.
    """
    url, ca, secret = entry
    environ = dict(os.environ)  # noqa: TID251 - the application gets its owner's
    if command and shutil.which(command[0]) is None:
        typer.echo(f"meltemi: {command[0]}: there is no such command", err=True)
        return NOT_FOUND
    holder, invitation = holder_of(secret), invited(url, ca)
    home = Home(state, wish.name)
    with locked(home.folder):
        place = home.place(url, ca)
        settings = agent_environ(wish, holder, invitation, place)
        known = read_settings(AgentSettings, settings)
        home.settle(place, secret, invitation)
        agent = AgentProgram(
            tethered("meltemi.proxy"),
            {**inherited(environ), **settings},
            place.status,
            place.log,
        )
        application = Program(command, application_environ(wish, place, environ))
        attendant = Attendant(
            agent, application if command else None, SystemClock(), SystemRandom(), _say
        )
        line = joined_line(wish, holder, f"{known.identity}", inbound(wish, place))
        options = _options(wish, invitation, url, environ)
        with capturing(options, home.folder / "captured") as capture:
            return _attended(attendant, lambda: _joined(place, line, capture))


def _options(
    wish: Wish, invitation: Invitation, url: str, environ: Mapping[str, str]
) -> CaptureOptions | None:
    if not wish.captured:
        return None
    return machine_options(control_plane(invitation, url), environ)


def _attended(attendant: Attendant, joined: Callable[[], None]) -> int:
    try:
        return attendant.run(joined)
    except TokenRefusedError as error:
        _say(f"{error.code}: {error}; it may be used, expired, or for elsewhere")
        return EXIT_DENIED


def joined_line(wish: Wish, holder: Holder, identity: str, at: Address) -> str:
    """Return what is said of a workload that is in the mesh."""
    port = f"port {wish.port.number} ({wish.port.name}) of {wish.service}"
    return f"{wish.name}.{holder.namespace} joined as {identity}: {port} at {at}"


def port_and_place(port: str, app: str) -> tuple[Port, Address]:
    """Return the service's port, and where the application listens.

    Raises:
        BadWishError: If one of them is no port.

    """
    of_service = Port.parse(port)
    there = app or str(of_service.number)
    try:
        where = Address.parse(there if ":" in there else f"{LOOPBACK}:{there}")
    except ValueError as error:
        raise BadWishError(f"--app {app}: {error}") from None
    return of_service, where


def _joined(place: Place, line: str, capture: Callable[[], None]) -> None:
    """Capture, say so, and forget the token: the certificate buys the next one."""
    capture()
    place.token.unlink(missing_ok=True)
    _say(line)


def _say(line: str) -> None:
    typer.echo(f"meltemi: {line}", err=True)
