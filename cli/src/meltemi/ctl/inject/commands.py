"""``meltemi inject``, ``inject explain`` and ``uninject``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from meltemi.config.finding import InvalidConfigError
from meltemi.credentials.invitation import Invitation
from meltemi.ctl.galley.client import EXIT_INPUT
from meltemi.ctl.galley.token import seconds
from meltemi.ctl.inject.explanation import explained
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
from meltemi.ctl.inject.reading import read_files, write_out
from meltemi.ctl.output import DEFAULT_NAMESPACE, Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.injector.agent import GALLEY_CA
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

Files = Annotated[
    list[str],
    typer.Option("-f", "--file", metavar="FILE", help="A compose file, - for stdin."),
]
Namespace = Annotated[
    str, typer.Option("-n", "--namespace", help="Where the workloads belong.")
]
Image = Annotated[str, typer.Option(help="Of proxies, and of what captures.")]
Revision = Annotated[
    str, typer.Option(help="Services whose istio.io/rev is another are left alone.")
]
Dns = Annotated[
    bool, typer.Option("--dns/--no-dns", help="Whether the mesh answers DNS.")
]
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


Where = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE", help="- for stdout.")
]
GalleyUrl = Annotated[
    str, typer.Option(metavar="URL", help="Galley, as sidecars reach it.")
]
JoiningOption = Annotated[
    str,
    typer.Option(
        metavar="URL|FILE",
        help="Galley, to ask how to join, or its answer; else the compose mesh.",
    ),
]
CaOption = Annotated[str, typer.Option(metavar="FILE", help="Roots to believe it by.")]
GalleyCaOption = Annotated[
    str,
    typer.Option(metavar="FILE", help="Whom sidecars believe as Galley; else roots."),
]
TokensOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Make a token for each workload there."),
]
TtlOption = Annotated[str, typer.Option(help="How long tokens are good.")]
ServicesOption = Annotated[
    str, typer.Option(metavar="FILE", help="Write ServiceEntries to apply there.")
]
NetworkOption = Annotated[
    str, typer.Option(help="The network that the mesh is on; empty: none.")
]


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
    ttl: TtlOption = "24h",
    services: ServicesOption = "",
    network: NetworkOption = "meltemi",
    image: Image = IMAGE,
    revision: Revision = "default",
    dns: Dns = True,
) -> None:
    """Put a sidecar beside every service of a compose file, transparently.

    Such as: inject -f compose.yaml -o mesh.yaml --services services.yaml;
    inject -f compose.yaml | docker compose -f - up; inject explain -f compose.yaml
    """
    if context.invoked_subcommand is not None:
        return
    if not file:
        raise typer.BadParameter("say which compose file: -f FILE")
    invitation = invitation_of(joining, ca) if joining else None
    mesh = mesh_of(invitation, galley)
    authority = authority_of(galley_ca) if galley_ca else None
    if authority is not None:
        mesh = replace(mesh, galley_ca=GALLEY_CA)
    site = Site(mesh, network, named(tokens or TOKENS, output))
    wish = Wish(namespace, revision, Defaults(image=image, dns=dns), site)
    text, project = _injected(file, wish)
    made = _Tokens(tokens, seconds(ttl), state)
    _hand_out(project, made, invitation)
    if authority is not None:
        hand_over((tokens or TOKENS) / AUTHORITY, authority)
    if services:
        write_out(services, _services(project, mesh.trust_domain))
    write_out(output, text)


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
    name, text = read_files(file)
    try:
        project = project_of(tree_of(original(text)[0], name), name, wish)
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
    name, text = read_files(file)
    if not is_injected(text):
        typer.echo(f"{name}: nothing is injected", err=True)
    before, exact = original(text)
    if not exact:
        message = "was changed after meltemi inject: the changes were kept"
        typer.echo(f"{name}: {message}", err=True)
    write_out(output, before)


def _injected(files: list[str], wish: Wish) -> tuple[str, Project]:
    name, text = read_files(files)
    try:
        made, project = injected(text, name, wish)
    except InvalidConfigError as error:
        raise _refused(error) from None
    _tell(project)
    return made, project


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
