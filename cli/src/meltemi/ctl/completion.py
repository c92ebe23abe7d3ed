"""``meltemi completion``: commands, options, kinds and names, at the Tab key."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from meltemi.config.kinds import KINDS, kind_called
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target
from meltemi.ctl.local.record import read_record
from meltemi.ctl.state import default_state
from meltemi.kernel.errors import MeshError

SCRIPTS = {
    "bash": """\
_meltemi() {
  local IFS=$'\\n'
  COMPREPLY=($(meltemi complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _meltemi meltemi""",
    "zsh": """\
#compdef meltemi
_meltemi() {
  local -a found
  found=(${(f)"$(meltemi complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _meltemi meltemi""",
    "fish": """\
complete -c meltemi -a '(meltemi complete -- (commandline -opc)[2..] \
(commandline -ct) 2>/dev/null)'""",
}
OF_KINDS = frozenset(
    {
        "get",
        "delete",
        "patch",
        "label",
        "edit",
        "history",
        "rollback",
        "wait",
        "explain",
        "events",
    }
)
"""Commands whose first words are KIND NAME or KIND/NAME."""
OF_PARTS = frozenset({"kill", "start"})
COMPLETE = "complete"
OUTPUTS = ("table", "json", "yaml")

commands = typer.Typer()


class Shell(StrEnum):
    """Whose language to speak."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True)
class Known:
    """What there is to complete with."""

    commands: Sequence[str]
    """Or, behind a command, its own sub-commands."""
    options: Callable[[], dict[str, bool]]
    """Of the command: whether it takes a value."""
    names: Callable[[str, str], Sequence[str]]
    """Of the objects of a kind in a namespace."""
    parts: Callable[[], Sequence[str]]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def completion(shell: Shell) -> None:
    """Print what makes SHELL complete: eval "$(meltemi completion bash)"."""
    typer.echo(SCRIPTS[shell])


@commands.command(hidden=True)
def complete(
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD...")] = None,
) -> None:
    """Print what the last of WORDS can become, a candidate a line."""
    from meltemi.ctl.application import COMMANDS  # noqa: PLC0415 - it imports us

    typed = words or [""]
    command = next((each for each in typed[:-1] if each in COMMANDS), "")
    state = _state(typed)
    known = Known(
        _inside(command)
        if command
        else [each for each in COMMANDS if each != COMPLETE],
        lambda: _options(command),
        lambda kind, namespace: _names(state, kind, namespace),
        lambda: sorted(record.parts) if (record := read_record(state)) else (),
    )
    for each in candidates(typed, command, known):
        typer.echo(each)


def candidates(words: Sequence[str], command: str, known: Known) -> list[str]:
    """Return what the last of ``words`` can become; nothing where files can stand."""
    *before, current = words
    behind = before[before.index(command) + 1 :] if command else []
    if current.startswith("-"):
        found: Sequence[str] = sorted(known.options())
    elif behind and behind[-1] in ("-o", "--output"):
        found = OUTPUTS
    elif before and known.options().get(before[-1]):
        return []
    elif not command:
        found = known.commands
    else:
        found = _words(current, command, behind, known)
    return [each for each in found if each.startswith(current)]


def _words(
    current: str, command: str, behind: Sequence[str], known: Known
) -> Sequence[str]:
    """Return what can stand where ``current`` does, which is no option."""
    values = {at + 1 for at, each in enumerate(behind) if known.options().get(each)}
    plain = [
        each
        for at, each in enumerate(behind)
        if at not in values and not each.startswith("-")
    ]
    namespace = _value(behind, ("-n", "--namespace")) or "default"
    if command in OF_PARTS:
        return [each for each in known.parts() if each not in plain]
    if command in OF_KINDS:
        kind, slash, _ = (plain[0] if plain else current).partition("/")
        if not plain and slash:
            return [f"{kind}/{name}" for name in known.names(kind, namespace)]
        if not plain or command == "events":
            return [word for each in KINDS for word in (each.plural, *each.short_names)]
        return () if slash else known.names(kind, namespace)
    return () if plain else known.commands


def _value(words: Sequence[str], options: Sequence[str]) -> str:
    """Return what stands behind the last of ``options`` in ``words``."""
    found = ""
    for at, each in enumerate(words[:-1]):
        if each in options:
            found = words[at + 1]
    return found


def _state(words: Sequence[str]) -> Path:
    named = _value(words, ("--state",)) or os.environ.get("MELTEMI_STATE", "")  # noqa: TID251 - where sub-commands look
    return Path(named) if named else default_state()


def _names(state: Path, word: str, namespace: str) -> Sequence[str]:
    """Return the names of objects; none where nobody can say."""
    kind = kind_called(word)
    if kind is None:
        return ()
    try:
        answer = connect(state).get(Target(kind, namespace).path)
    except (MeshError, OSError):
        return ()
    if not answer.ok:
        return ()
    return [each["metadata"]["name"] for each in answer.body["items"]]


def _options(command: str) -> dict[str, bool]:
    from meltemi.ctl.application import application  # noqa: PLC0415 - it imports us

    root = typer.main.get_command(application([command] if command else [COMPLETE]))
    chosen = getattr(root, "commands", {}).get(command, root) if command else root
    return {
        name: not getattr(each, "is_flag", False)
        for each in chosen.params
        if each.param_type_name == "option"
        for name in each.opts
    } | {"--help": False}


def _inside(command: str) -> Sequence[str]:
    from meltemi.ctl.application import application  # noqa: PLC0415 - it imports us

    root = typer.main.get_command(application([command]))
    chosen = getattr(root, "commands", {}).get(command)
    return sorted(getattr(chosen, "commands", {}))
