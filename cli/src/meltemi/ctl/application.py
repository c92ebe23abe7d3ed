"""The command line as Typer sees it, with the sub-commands that are asked for."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Annotated

import typer

from meltemi.ctl.main import version_line

MODULES = {
    "meltemi.ctl.local.commands": ("up", "down", "status", "kill", "start"),
    "meltemi.ctl.galley.write": ("apply", "delete"),
    "meltemi.ctl.galley.get": ("get",),
    "meltemi.ctl.galley.ps": ("ps",),
    "meltemi.ctl.galley.wait": ("wait",),
    "meltemi.ctl.analyze": ("analyze", "validate"),
    "meltemi.ctl.galley.token": ("token",),
    "meltemi.ctl.citadel.cert": ("cert",),
    "meltemi.ctl.citadel.identity": ("identity",),
    "meltemi.ctl.citadel.ca": ("ca",),
    "meltemi.ctl.galley.secret": ("secret",),
    "meltemi.ctl.galley.change": ("patch", "label", "edit"),
    "meltemi.ctl.galley.compare": ("diff", "history", "rollback"),
    "meltemi.ctl.galley.transfer": ("export", "import"),
    "meltemi.ctl.galley.explain": ("explain",),
    "meltemi.ctl.galley.events": ("events",),
    "meltemi.ctl.lens.translate": ("translate",),
    "meltemi.ctl.lens.trace": ("trace",),
    "meltemi.ctl.lens.authz": ("authz",),
    "meltemi.ctl.proxy_config": ("pc", "proxy-config"),
    "meltemi.ctl.traffic.commands": ("stat", "edges", "metrics"),
    "meltemi.ctl.traffic.top": ("top",),
    "meltemi.ctl.traffic.routes": ("routes",),
    "meltemi.ctl.traffic.tap": ("tap",),
    "meltemi.ctl.logs": ("logs",),
    "meltemi.ctl.report.commands": ("bug-report",),
    "meltemi.ctl.why.commands": ("why",),
    "meltemi.ctl.doctor": ("doctor", "version"),
    "meltemi.ctl.vault": ("vault",),
    "meltemi.ctl.capture": ("capture",),
    "meltemi.ctl.containers.commands": ("containers",),
    "meltemi.ctl.inject.commands": ("inject", "uninject"),
    "meltemi.ctl.workload.systemd": ("workload", "run"),
    "meltemi.ctl.completion": ("completion", "complete"),
}
COMMANDS: Mapping[str, str] = MappingProxyType(
    {command: module for module, commands in MODULES.items() for command in commands}
)
"""Sub-command to the module that brings it: ``register(app)``."""


front = typer.Typer()


def application(words: Sequence[str]) -> typer.Typer:
    """Return the application with what ``words`` ask for, or with everything."""
    app = typer.Typer(
        name="meltemi",
        help="A service mesh with Istio's meaning and no need for Kubernetes.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.registered_callback = front.registered_callback
    asked = [COMMANDS[word] for word in words if word in COMMANDS][:1]
    for module in dict.fromkeys(asked or COMMANDS.values()):
        import_module(module).register(app)
    return app


def _print_version(asked: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if asked:
        typer.echo(version_line())
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        help="Print the version.",
        is_eager=True,
        callback=_print_version,
    ),
]


@front.callback()
def options(  # noqa: PLR0913 - Typer reads the signature
    state: Annotated[
        str, typer.Option(metavar="DIR", help="Where the local mesh keeps its state.")
    ] = "",
    *,
    server: Annotated[
        str, typer.Option(metavar="URL", help="A Galley elsewhere. [MELTEMI_SERVER]")
    ] = "",
    ca: Annotated[
        str, typer.Option(metavar="FILE", help="Roots to believe it by. [MELTEMI_CA]")
    ] = "",
    cert: Annotated[
        str, typer.Option(metavar="FILE", help="Your certificate. [MELTEMI_CERT]")
    ] = "",
    key: Annotated[
        str, typer.Option(metavar="FILE", help="Its key. [MELTEMI_KEY]")
    ] = "",
    token_file: Annotated[
        str,
        typer.Option(metavar="FILE", help="Your token. [MELTEMI_TOKEN_FILE]"),
    ] = "",
    version: Version = False,
) -> None:
    """Take what may stand before the sub-command."""
    del version  # it was printed, and nothing else happens then
    given = {
        "MELTEMI_STATE": state,
        "MELTEMI_SERVER": server,
        "MELTEMI_CA": ca,
        "MELTEMI_CERT": cert,
        "MELTEMI_KEY": key,
        "MELTEMI_TOKEN_FILE": token_file,
    }
    chosen = {name: text for name, text in given.items() if text}
    os.environ.update(chosen)  # noqa: TID251 - where sub-commands look
