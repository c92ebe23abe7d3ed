"""``meltemi inject``, ``inject explain`` and ``uninject``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from meltemi.config.finding import InvalidConfigError
from meltemi.credentials.invitation import Invitation
from meltemi.ctl.galley.client import EXIT_INPUT
from meltemi.ctl.galley.token import seconds
from meltemi.ctl.inject.explanation import explained
from meltemi.ctl.inject.options import (
    CaOption,
    Dns,
    Files,
    GalleyCaOption,
    GalleyUrl,
    Image,
    JoiningOption,
    Namespace,
    NetworkOption,
    Revision,
    ServicesOption,
    TokensOption,
    TtlOption,
    Where,
    check_outputs,
    check_tokens,
    check_trust,
)
from meltemi.ctl.inject.place import (
    AUTHORITY,
    authority_of,
    hand_over,
    invitation_of,
    make_tokens,
    mesh_of,
    named,
    write_roots,
)
from meltemi.ctl.inject.reading import Reading, elsewhere, read_files, write_out
from meltemi.ctl.output import DEFAULT_NAMESPACE, Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.injector.compose.pod import Site
from meltemi.injector.compose.project import Project, Wish, project_of
from meltemi.injector.compose.text import injected, is_injected, original
from meltemi.injector.compose.tree import tree_of
from meltemi.injector.compose.value import value_of, written
from meltemi.injector.service_entry import service_entries
from meltemi.injector.sidecar import Defaults

STDOUT: Final = "-"
TOKENS: Final = Path("tokens")

injection = typer.Typer(invoke_without_command=True)
alone = typer.Typer()

A_DAY: Final = "24h"
IMAGE: Final = "meltemi/proxy:${MELTEMI_TAG:-dev}"
GALLEY: Final = "https://galley:15443"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(injection, name="inject")
    app.registered_commands += alone.registered_commands


@dataclass(frozen=True)
class _Tokens:
    """Which to make, and where."""

    folder: Path | None
    seconds: int
    state: Path


@injection.callback()
def inject(  # noqa: PLR0913 - Typer reads the signature
    context: typer.Context,
    *,
    state: StateOption,
    file: Files = [],  # noqa: B006 - Typer reads it, nobody changes it
    output: Where = STDOUT,
    namespace: Namespace = DEFAULT_NAMESPACE,
    galley: GalleyUrl = GALLEY,
    galley_ca: GalleyCaOption = "",
    joining: JoiningOption = "",
    ca: CaOption = "",
    tokens: TokensOption = None,
    ttl: TtlOption = "",
    services: ServicesOption = "",
    network: NetworkOption = "meltemi",
    image: Image = IMAGE,
    revision: Revision = "default",
    dns: Dns = True,
) -> None:
    """Put a sidecar beside every service of a compose file, transparently.

    Such as: inject -f compose.yaml -o mesh.yaml --services services.yaml --tokens
    tokens; docker compose -f mesh.yaml up; inject explain -f compose.yaml
    """
    if _another_follows(context):
        return
    if not file:
        raise typer.BadParameter("say which compose file: -f FILE")
    check_tokens(tokens, ttl)
    check_trust((joining, ca), (galley, galley_ca))
    check_outputs(output, services)
    invitation = invitation_of(joining, ca) if joining else None
    authority = authority_of(galley_ca) if galley_ca else None
    mesh = mesh_of(invitation, galley, is_apart=authority is not None)
    site = Site(mesh, network, named(tokens or TOKENS, output))
    read, defaults = read_files(file), Defaults(image=image, dns=dns)
    wish = Wish(namespace, revision, defaults, site, read.way_to(output))
    text, project = _injected(read, wish)
    _hand_out(project, _Tokens(tokens, seconds(ttl or A_DAY), state), invitation)
    if authority is not None:
        hand_over((tokens or TOKENS) / AUTHORITY, authority)
    if services:
        write_out(services, _services(project, mesh.trust_domain))
    write_out(output, text)
    _tell_moved(read, output)


def _another_follows(context: typer.Context) -> bool:
    """Tell whether a command does; options before it are refused: it has its own."""
    if context.invoked_subcommand is None:
        return False
    given = [
        max(each.opts, key=len)
        for each in context.command.params
        if each.name and _is_said(context, each.name)
    ]
    if given:
        word = context.invoked_subcommand
        raise typer.BadParameter(
            f"{', '.join(given)} before {word}, which would not see it: say "
            f"inject {word} {given[0]} …"
        )
    return True


def _is_said(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@injection.command()
def explain(  # noqa: PLR0913 - Typer reads the signature
    service: Annotated[str, typer.Argument(help="Of the file; all.")] = "",
    *,
    file: Files,
    namespace: Namespace = DEFAULT_NAMESPACE,
    image: Image = IMAGE,
    revision: Revision = "default",
    dns: Dns = True,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say of each value of a sidecar which label or default decided it."""
    wish = Wish(namespace, revision, Defaults(image=image, dns=dns))
    read = read_files(file)
    name = read.name
    try:
        project = project_of(tree_of(original(read.text)[0], name), name, wish)
    except InvalidConfigError as error:
        raise _refused(error) from None
    if service and service not in project.before:
        known = ", ".join(project.before)
        raise typer.BadParameter(f"{name} has no service {service!r}: {known}")
    rows = [each for each in explained(project) if service in ("", each.service)]
    plain = [each.plain for each in rows]
    heading = ["SERVICE", "SETTING", "VALUE", "BECAUSE OF"]
    show(plain, output, [heading, *(each.cells for each in rows)])
    _tell(project)


@alone.command()
def uninject(
    *,
    file: Files,
    output: Where = STDOUT,
) -> None:
    """Give the compose file back as it was before ``meltemi inject``."""
    read = read_files(file)
    if not is_injected(read.text):
        typer.echo(f"{read.name}: nothing is injected", err=True)
    before, exact = original(read.text)
    if not exact:
        message = "was changed after meltemi inject: the changes were kept"
        typer.echo(f"{read.name}: {message}", err=True)
    if output != STDOUT and read.way_to(output).text:
        message = f"the paths in it are seen from {read.folder.resolve()}"
        typer.echo(f"{output}: {message}", err=True)
    write_out(output, before)


def _injected(read: Reading, wish: Wish) -> tuple[str, Project]:
    try:
        made, project = injected(read.text, read.name, wish)
    except InvalidConfigError as error:
        raise _refused(error) from None
    _tell(project)
    return made, project


def _tell_moved(read: Reading, output: str) -> None:
    for each in elsewhere(read.folder, output):
        typer.echo(each, err=True)


def _tell(project: Project) -> None:
    for each in project.warnings:
        typer.echo(str(each), err=True)


def _refused(error: InvalidConfigError) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(EXIT_INPUT)


def _hand_out(project: Project, tokens: _Tokens, invitation: Invitation | None) -> None:
    if tokens.folder is None:
        return
    number = make_tokens(tokens.folder, project.instances, tokens.state, tokens.seconds)
    if invitation is not None:
        write_roots(tokens.folder, invitation)
    typer.echo(f"{number} tokens in {tokens.folder}", err=True)


def _services(project: Project, suffix: str) -> str:
    sidecars = [each.sidecar for each in project.outcomes if each.sidecar]
    documents = (
        "\n".join(written(value_of(each), 0))
        for each in service_entries(sidecars, suffix)
    )
    return "".join(f"{each}\n---\n" for each in documents).removesuffix("---\n")
