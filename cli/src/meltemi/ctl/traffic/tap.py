"""``meltemi tap``: requests as they pass one proxy."""

import contextlib
import http.client
import json
import re
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec
import typer

from meltemi.ctl.output import Output, OutputOption
from meltemi.ctl.proxy_config import ProxyName, admin_of
from meltemi.ctl.state import StateOption
from meltemi.ctl.traffic.tapped import Tapped, Wish, question, read, row
from meltemi.kernel.errors import Blame, MeshError

OK: Final = 200
CHUNK: Final = 65536
STATUS: Final = re.compile("[1-5]([0-9]{2}|xx|XX)")
LARGEST: Final = 8 * 1024 * 1024
"""Bytes that one request may be told in."""


class NotTappedError(MeshError):
    """An Envoy lets nobody listen."""

    code = "tap.refused"
    blame = Blame.PEER


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


def header_of(word: str) -> str:
    """Return ``word``; raise `typer.BadParameter` unless it is NAME=VALUE."""
    name, equals, value = word.partition("=")
    if not (name and equals and value):
        raise typer.BadParameter(f"{word!r}: expected NAME=VALUE")
    return word


def status_of(word: str) -> str:
    """Return ``word``; raise `typer.BadParameter` unless it is 503, or 5xx for all."""
    if not STATUS.fullmatch(word):
        raise typer.BadParameter(f"{word!r}: expected a status such as 503, or 5xx")
    return word.lower()


@commands.command()
def tap(  # noqa: PLR0913 - Typer reads the signature
    proxy: ProxyName,
    *,
    state: StateOption,
    method: Annotated[str, typer.Option(help="Only this one, such as GET.")] = "",
    path: Annotated[str, typer.Option(help="What paths begin with.")] = "",
    authority: Annotated[str, typer.Option(help="Only this host.")] = "",
    status: Annotated[
        str | None,
        typer.Option(parser=status_of, help="Only answers with it: 503, or 5xx."),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header", metavar="NAME=VALUE", parser=header_of, help="Of the request."
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--max", min=1, max=10_000, help="End after so many.")
    ] = 100,
    seconds: Annotated[
        float, typer.Option("--for", min=1, max=3600, help="End after so long.")
    ] = 60.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show requests as they pass PROXY: their headers, and no bodies.

    Those that anybody is let in by are not shown (authorization, cookies). One person
    can listen to an Envoy at a time. With -o json each is an object on its own line.
    """
    wish = Wish(
        method=method,
        path=path,
        authority=authority,
        status=status or "",
        headers=_pairs(header or ()),
    )
    for number, found in enumerate(listen(admin_of(state, proxy), wish, seconds), 1):
        said = msgspec.to_builtins(found)
        text = "   ".join(row(found))
        typer.echo(text if output is Output.TABLE else json.dumps(said))
        if number == most:
            return


def _pairs(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    parts = (word.partition("=") for word in words)
    return tuple((name, value) for name, _, value in parts)


def listen(address: str, wish: Wish, seconds: float) -> Iterator[Tapped]:
    """Yield what passes the Envoy at ``address`` for so many ``seconds``.

    Raises:
        NotTappedError: If it lets nobody listen.

    """
    until = time.perf_counter() + seconds
    connection = http.client.HTTPConnection(address, timeout=seconds)
    with contextlib.closing(connection), contextlib.suppress(TimeoutError):
        connection.request("POST", "/tap", json.dumps(question(wish)))
        socket = connection.sock
        answer = connection.getresponse()
        if answer.status != OK:
            raise NotTappedError(_why(answer.read().decode(errors="replace")))
        text = ""
        while (left := until - time.perf_counter()) > 0:
            socket.settimeout(left)
            data = answer.read1(CHUNK)
            if not data:
                return
            found, text = read(text + data.decode(errors="replace"))
            text = text[-LARGEST:]
            yield from found


def _why(said: str) -> str:
    if "config id" in said:
        return (
            "this Envoy has no filter to listen with: give Pilot PILOT_FEATURES="
            '{"tap": true}, as meltemi up does'
        )
    if "already exists" in said:
        return "somebody else listens to this Envoy already: one can at a time"
    return f"Envoy lets nobody listen: {said.strip()[:300]}"
