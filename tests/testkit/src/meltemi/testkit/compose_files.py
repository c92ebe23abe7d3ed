"""What stands in a compose file that ``meltemi inject`` made, for those who must read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer
from typer.main import get_command

from meltemi.ctl.capture import register
from meltemi.injector.compose.project import services_of
from meltemi.injector.compose.tree import tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.injector.compose.value import Value


def plain(value: Value) -> object:
    """Return ``value`` as maps, lists and text."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value)


def agent_environs(text: str) -> Iterator[Mapping[str, str]]:
    """Yield the settings of every agent in the compose file ``text``."""
    for service in services_of(tree_of(text, "mesh.yaml"), "mesh.yaml").values():
        environ = service.get("environment")
        if isinstance(environ, dict) and "AGENT_NAME" in environ:
            found = {key: str(each) for key, each in environ.items()}
            yield {key: each.replace("$$", "$") for key, each in found.items()}


def capture_options(text: str) -> list[Mapping[str, object]]:
    """Return what each ``meltemi capture`` in ``text`` is told, read by the command."""
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)
    found: list[Mapping[str, object]] = []
    for service in services_of(tree_of(text, "mesh.yaml"), "mesh.yaml").values():
        words = service.get("command")
        told = [str(each) for each in words] if isinstance(words, list) else []
        if told[:2] != ["capture", "hold"]:
            continue
        root = get_command(app)
        context = root.make_context("meltemi", list(told))
        name, command, rest = root.resolve_command(context, told)  # type: ignore[attr-defined]
        inner = command.make_context(name, rest[:1], parent=context)
        _, hold, words_ = command.resolve_command(inner, rest)
        found.append(
            json.loads(
                json.dumps(hold.make_context("hold", words_).params, default=str)
            )
        )
    return found
