"""``meltemi logs``: what the parts of the local mesh say, and which requests passed."""

import contextlib
import json
import os
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.report.gathering import log_files
from meltemi.ctl.state import StateOption
from meltemi.ctl.why.hop import Hop, hops
from meltemi.kernel.errors import Blame, MeshError

POLL_SECONDS: Final = 0.2
TAIL: Final = 2 * 1024 * 1024
"""Bytes of a log that are looked at: the last."""
REQUESTS: Final = (
    *("TIME", "PROXY", "METHOD", "PATH", "CODE", "FLAGS", "MS", "CALLED"),
    "REQUEST-ID",
)


class NoSuchLogError(MeshError):
    """No part of this name has written a log here."""

    code = "logs.no-such-part"
    blame = Blame.CALLER


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def logs(  # noqa: PLR0913 - Typer reads the signature
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PART...]", help="Such as pilot-0 or reviews-v1."),
    ] = None,
    *,
    state: StateOption,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until interrupted.")
    ] = False,
    tail: Annotated[
        int, typer.Option(min=0, max=100_000, help="How many lines of each.")
    ] = 20,
    requests: Annotated[
        bool, typer.Option("--requests", help="Only requests that proxies logged.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the ends of the logs of PARTs, or of all, and follow them.

    With --requests a table of what proxies logged of requests; with -o json an object
    for each line, or with -f one on each line.
    """
    files = chosen(log_files(state), parts or [])
    several = len(files) > 1
    last = {name: lines(file)[-tail:] if tail else [] for name, file in files.items()}
    if requests:
        last = {name: lines(file) for name, file in files.items()}
        _requests(last, tail, output)
    elif output is Output.TABLE:
        for name, found in last.items():
            for line in found:
                typer.echo(f"{name}: {line}" if several else line)
    elif not follow:
        told = [entry(name, each) for name, found in last.items() for each in found]
        show(told, output, ())
    if follow:
        for name, line in followed(files):
            _one(name, line, output, several=several, requests=requests)


def chosen(files: dict[str, Path], parts: Sequence[str]) -> dict[str, Path]:
    """Return the files of ``parts``, of all where none is named.

    Raises:
        NoSuchLogError: If one of them has none.

    """
    strange = [each for each in parts if each not in files]
    if strange:
        known = ", ".join(files) or "none"
        raise NoSuchLogError(f"{strange[0]!r} has no log here: there are {known}")
    return {name: files[name] for name in parts or files}


def lines(file: Path) -> list[str]:
    """Return the whole lines at the end of a file."""
    with file.open("rb") as log:
        start = max(0, file.stat().st_size - TAIL)
        log.seek(start)
        found = log.read().decode(errors="replace").splitlines()
    return found[1:] if start else found


def entry(name: str, line: str) -> dict[str, object]:
    """Return a line for programs: what it says, where that is an object itself."""
    try:
        said = json.loads(line) if line.startswith("{") else None
    except ValueError:
        said = None
    return {"part": name, "line": line} if said is None else {"part": name, **said}


def request_row(hop: Hop) -> list[str]:
    """Return a request as a row."""
    return [
        hop.start_time,
        hop.proxy,
        hop.method or "-",
        hop.path or "-",
        str(hop.response_code),
        hop.response_flags or "-",
        str(hop.duration or 0),
        hop.called or hop.authority or "-",
        hop.request_id or "-",
    ]


def _requests(found: dict[str, list[str]], tail: int, output: Output) -> None:
    every = hops({name: "\n".join(each) for name, each in found.items()})
    newest = every[-tail:] if tail else []
    rows = [REQUESTS, *map(request_row, newest)]
    show(msgspec.to_builtins(newest), output, rows)


def _one(
    name: str, line: str, output: Output, *, several: bool, requests: bool
) -> None:
    if requests:
        for hop in hops({name: line}):
            said = msgspec.to_builtins(hop)
            text = "   ".join(request_row(hop))
            typer.echo(text if output is Output.TABLE else json.dumps(said))
    elif output is Output.TABLE:
        typer.echo(f"{name}: {line}" if several else line)
    else:
        typer.echo(json.dumps(entry(name, line), ensure_ascii=False))


def followed(files: dict[str, Path]) -> Generator[tuple[str, str]]:
    """Yield what is written from now on, line by line; never end."""
    rest = dict.fromkeys(files, "")
    with contextlib.ExitStack() as stack:
        opened = {
            name: stack.enter_context(file.open(errors="replace"))
            for name, file in files.items()
        }
        for log in opened.values():
            log.seek(0, os.SEEK_END)
        while True:
            for name, log in opened.items():
                *whole, rest[name] = (rest[name] + log.read()).split("\n")
                yield from ((name, line) for line in whole)
            time.sleep(POLL_SECONDS)
