"""``meltemi completion``: commands, options, kinds and names, at the Tab key."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated

import typer

from meltemi.config.kinds import KINDS, kind_called
from meltemi.ctl.galley.client import Answer
from meltemi.ctl.galley.connect import CA, CERT, KEY, SERVER, TOKEN_FILE, connect
from meltemi.ctl.galley.namespaces import of_objects
from meltemi.ctl.galley.target import EVERY_KIND, Target
from meltemi.ctl.local.record import read_record
from meltemi.ctl.output import DEFAULT_NAMESPACE
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
function _meltemi
  set -l word (commandline -ct)
  set -l found (meltemi complete -- (commandline -opc)[2..] "$word" 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path "$word"
  end
end
complete -c meltemi -f -a '(_meltemi)'""",
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
    }
)
"""Commands whose first words are KIND NAME or KIND/NAME."""
KINDS_ONLY = frozenset({"events", "export"})
"""Commands whose words are all KINDs."""
OF_PARTS = frozenset({"kill", "start"})
OF_PROXIES = frozenset({"pc", "proxy-config"})
"""Commands whose sub-commands are about a PROXY."""
NAMESPACES = ("-n", "--namespace", "--ns")
PROXIES = ("--from", "--to", "--proxy")
COMPLETE, COMPLETION = "complete", "completion"
PROXY = "proxy/"
TEMPLATE = "TEMPLATE"
ELSEWHERE = {
    "--server": SERVER,
    "--ca": CA,
    "--cert": CERT,
    "--key": KEY,
    "--token-file": TOKEN_FILE,
}

commands = typer.Typer()


class Shell(StrEnum):
    """Whose language to speak."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True)
class Option:
    """What completion knows of an option."""

    takes_value: bool
    values: Sequence[str] = ()
    """Those it can take, where they are few."""


@dataclass(frozen=True)
class Known:
    """What there is to complete with; what is asked of Galley is a function."""

    commands: Sequence[str]
    """Or, behind a command, its own sub-commands."""
    options: Mapping[str, Option]
    """Of the command."""
    names: Callable[[str, str], Sequence[str]]
    """Of the objects of a kind in a namespace."""
    namespaces: Callable[[], Sequence[str]]
    proxies: Callable[[], Sequence[str]]
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
        _options([each for each in typed[:-1] if not each.startswith("-")], command),
        lambda kind, namespace: _names(state, kind, namespace),
        lambda: _namespaces(state),
        lambda: _proxies(state),
        lambda: sorted(record.parts) if (record := read_record(state)) else (),
    )
    for each in candidates(typed, command, known):
        typer.echo(each)


def candidates(words: Sequence[str], command: str, known: Known) -> list[str]:
    """Return what the last of ``words`` can become; nothing where files can stand."""
    *before, current = words
    behind = before[before.index(command) + 1 :] if command else []
    last = known.options.get(before[-1]) if before else None
    if last and last.takes_value:
        found = _values(before[-1], last, known)
    elif current.startswith("-"):
        found = sorted(known.options)
    elif not command:
        found = known.commands
    else:
        found = _words(current, command, behind, known)
    return [each for each in found if each.startswith(current)]


def _values(name: str, option: Option, known: Known) -> Sequence[str]:
    if name in NAMESPACES:
        return known.namespaces()
    return known.proxies() if name in PROXIES else option.values


def _words(
    current: str, command: str, behind: Sequence[str], known: Known
) -> Sequence[str]:
    """Return what can stand where ``current`` does, which is no option."""
    values = {
        at + 1
        for at, each in enumerate(behind)
        if (option := known.options.get(each)) and option.takes_value
    }
    plain = [
        each
        for at, each in enumerate(behind)
        if at not in values and not each.startswith("-")
    ]
    if command in OF_PARTS:
        return [each for each in known.parts() if each not in plain]
    if command in OF_PROXIES and len(plain) == 1:
        return known.proxies()
    if command == "explain" and current.startswith(PROXY):
        return [PROXY + each for each in known.proxies()]
    if command in KINDS_ONLY:
        return _kinds(current)
    if command in OF_KINDS:
        namespace = _value(behind, NAMESPACES) or DEFAULT_NAMESPACE
        return _objects(current, plain, namespace, known)
    return () if plain else known.commands


def _objects(
    current: str, plain: Sequence[str], namespace: str, known: Known
) -> Sequence[str]:
    """Return kinds, then names of their objects; those that stand there are out."""
    kind, slash, _ = current.partition("/")
    if slash:
        found = [f"{kind}/{name}" for name in known.names(kind, namespace)]
    elif plain and "/" not in plain[0]:
        kinds = plain[0].split(",")
        found = [name for each in kinds for name in known.names(each, namespace)]
    else:
        return _kinds(current)
    return [each for each in dict.fromkeys(found) if each not in plain]


def _kinds(current: str) -> Sequence[str]:
    """Return every spelling of a kind, behind those that stand there with commas."""
    before, comma, _ = current.rpartition(",")
    words = [word for each in KINDS for word in (each.plural, *each.short_names)]
    return [f"{before}{comma}{word}" for word in (*words, EVERY_KIND)]


def _value(words: Sequence[str], options: Sequence[str]) -> str:
    """Return what stands behind the last of ``options`` in ``words``."""
    found = ""
    for at, each in enumerate(words[:-1]):
        if each in options:
            found = words[at + 1]
    return found


def _state(words: Sequence[str]) -> Path:
    """Return the state that is meant; what is said of a Galley elsewhere, counts."""
    environ = os.environ  # noqa: TID251 - where sub-commands look
    for option, variable in ELSEWHERE.items():
        if said := _value(words, (option,)):
            environ[variable] = said
    named = _value(words, ("--state",)) or environ.get("MELTEMI_STATE", "")
    return Path(named) if named else default_state()


def _answer(state: Path, path: str) -> Answer | None:
    """Return what Galley says; None where nobody can say."""
    try:
        answer = connect(state).get(path)
    except (MeshError, OSError):
        return None
    return answer if answer.ok else None


def _names(state: Path, word: str, namespace: str) -> Sequence[str]:
    kind = kind_called(word)
    answer = _answer(state, Target(kind, namespace).path) if kind else None
    return [each["metadata"]["name"] for each in answer.body["items"]] if answer else ()


def _namespaces(state: Path) -> Sequence[str]:
    """Return where there are objects: nothing else makes a namespace."""
    answers = (_answer(state, Target(kind, "").path) for kind in KINDS)
    return sorted(of_objects(each for each in answers if each))


def _proxies(state: Path) -> Sequence[str]:
    answer = _answer(state, "/api/v1/proxies")
    return [each["proxy"] for each in answer.body] if answer else ()


def _options(typed: Sequence[str], command: str) -> dict[str, Option]:
    from meltemi.ctl.application import application  # noqa: PLC0415 - it imports us

    chosen = typer.main.get_command(application([command] if command else [COMPLETE]))
    for word in typed[typed.index(command) :] if command else ():
        chosen = getattr(chosen, "commands", {}).get(word, chosen)
    return {
        name: Option(not getattr(each, "is_flag", False), _choices(each))
        for each in chosen.params
        if each.param_type_name == "option"
        for name in each.opts
    } | {"--help": Option(takes_value=False)}


def _choices(option: object) -> Sequence[str]:
    """Return the values that an option lists: those of its default's type, or shown."""
    default = getattr(option, "default", None)
    if isinstance(default, Enum):
        return [str(each.value) for each in type(default)]
    words = (getattr(option, "metavar", None) or "").split("|")
    return [each.removesuffix(TEMPLATE) for each in words] if len(words) > 1 else ()


def _inside(command: str) -> Sequence[str]:
    """Return what stands first behind a command, if that is among a few words."""
    from meltemi.ctl.application import application  # noqa: PLC0415 - it imports us

    if command == COMPLETION:
        return list(Shell)
    root = typer.main.get_command(application([command]))
    chosen = getattr(root, "commands", {}).get(command)
    return sorted(getattr(chosen, "commands", {}))
