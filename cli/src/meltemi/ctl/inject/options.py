"""The options of ``meltemi inject``: what cannot be meant is refused, not passed on."""

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from meltemi.config.rules.labels import WORD
from meltemi.injector import reading
from meltemi.injector.compose.variable import ANY, masked
from meltemi.kernel.identity import NAMESPACE

NETWORK: Final = re.compile(r"(?:[a-zA-Z0-9][a-zA-Z0-9_.-]*)?")


def _fits(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no {what}")
    return text


def _namespace(text: str) -> str:
    return _fits(NAMESPACE, text, "namespace: letters, digits and '-'")


def _network(text: str) -> str:
    return _fits(NETWORK, text, "name of a network of Docker's")


def _revision(text: str) -> str:
    return _fits(WORD, text, "revision: it is the value of a label")


def _image(text: str) -> str:
    try:
        reading.image(masked(text).replace(ANY, "x"))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no name of an image") from None
    return text


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname
        _ = parts.port
    except ValueError:
        known = None
    if not known or parts.path not in ("", "/") or parts.query:
        raise typer.BadParameter(f"{text!r} is no URL like https://HOST:PORT")
    return text


Files = Annotated[
    list[str],
    typer.Option("-f", "--file", metavar="FILE", help="A compose file, - for stdin."),
]
Namespace = Annotated[
    str,
    typer.Option(
        "-n", "--namespace", callback=_namespace, help="Where the workloads belong."
    ),
]
Image = Annotated[
    str, typer.Option(callback=_image, help="Of proxies, and of what captures.")
]
Revision = Annotated[
    str,
    typer.Option(
        callback=_revision,
        help="Services whose istio.io/rev is another are left alone.",
    ),
]
Dns = Annotated[
    bool, typer.Option("--dns/--no-dns", help="Whether the mesh answers DNS.")
]
Where = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE", help="- for stdout.")
]
GalleyUrl = Annotated[
    str,
    typer.Option(metavar="URL", callback=_url, help="Galley, as sidecars reach it."),
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
TtlOption = Annotated[str, typer.Option(help="How long tokens are good; else 24h.")]
ServicesOption = Annotated[
    str, typer.Option(metavar="FILE", help="Write ServiceEntries to apply there.")
]
NetworkOption = Annotated[
    str,
    typer.Option(
        callback=_network, help="The network that the mesh is on; empty: none."
    ),
]


def check_tokens(folder: Path | None, ttl: str) -> None:
    """Refuse to be told how long tokens are good that nobody makes.

    Raises:
        typer.BadParameter: If so.

    """
    if ttl and folder is None:
        raise typer.BadParameter("--ttl is of the tokens that --tokens DIR makes")


def check_trust(asked: tuple[str, str], told: tuple[str, str]) -> None:
    """Refuse a file that nothing would be believed by.

    ``asked`` is the Galley that tells how to join, ``told`` the one that sidecars
    reach, and whom each is believed by.

    Raises:
        typer.BadParameter: Naming the one that it needs.

    """
    if asked[1] and "://" not in asked[0]:
        raise typer.BadParameter("--ca is of the Galley that --joining URL asks")
    if told[1] and not told[0].startswith("https://"):
        raise typer.BadParameter(f"--galley-ca is of no use with --galley {told[0]}")


def check_outputs(output: str, services: str) -> None:
    """Refuse two outputs that would be one.

    Raises:
        typer.BadParameter: If they are.

    """
    if services == output:
        raise typer.BadParameter(f"-o and --services both write to {output}")
