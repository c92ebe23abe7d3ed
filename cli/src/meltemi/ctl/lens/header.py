"""The headers of a request, as words of a command line."""

from __future__ import annotations

from typing import Annotated

import typer

HeaderOption = Annotated[
    list[str] | None,
    typer.Option("-H", "--header", help="NAME: VALUE. Host is whom it asks for."),
]
HOSTS = ("host", ":authority")


def headers(words: list[str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the host that ``NAME: VALUE`` words name, empty for none, and the rest.

    Raises:
        typer.BadParameter: If a word is no header.

    """
    pairs = tuple(map(_header, words))
    hosts = [value for name, value in pairs if name.lower() in HOSTS]
    rest = tuple(each for each in pairs if each[0].lower() not in HOSTS)
    return (hosts[-1] if hosts else ""), rest


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text[1:].partition(":")  # the colon of :authority is a name's
    name = (text[:1] + name).strip()
    if not colon or not name:
        raise typer.BadParameter(f"{text!r} is not NAME: VALUE")
    return name, value.strip()
