"""The command line as Typer sees it, with the sub-commands that are asked for."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Annotated

import typer

COMMANDS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        ("up", "down", "status", "kill", "start"), "meltemi.ctl.local.commands"
    )
)
"""Sub-command to the module that brings it: ``register(app)``."""


def application(words: Sequence[str]) -> typer.Typer:
    """Return the application with what ``words`` ask for, or with everything."""
    app = typer.Typer(
        name="meltemi",
        help="A service mesh with Istio's meaning and no need for Kubernetes.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(options)
    asked = [COMMANDS[word] for word in words if word in COMMANDS][:1]
    for module in dict.fromkeys(asked or COMMANDS.values()):
        import_module(module).register(app)
    return app


def options(
    context: typer.Context,
    state: Annotated[
        str, typer.Option(metavar="DIR", help="Where the local mesh keeps its state.")
    ] = "",
) -> None:
    """Take what may stand before the sub-command."""
    if state:
        context.default_map = {name: {"state": state} for name in COMMANDS}
