"""``meltemi secret``: TLS certificates that gateways serve."""

import json
from pathlib import Path
from typing import Annotated

import typer

from meltemi.ctl.galley.client import failed
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.output import HomeOption, Output, OutputOption, show
from meltemi.ctl.state import StateOption

SECRETS = "/api/v1/secrets"

secrets = typer.Typer(help="TLS secrets of gateways: they go in, and never come out.")
create = typer.Typer(help="Keep a new secret, or replace one.")
secrets.add_typer(create, name="create")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(secrets, name="secret")


@create.command()
def tls(  # noqa: PLR0913 - Typer reads the signature
    name: Annotated[str, typer.Argument(metavar="NAME")],
    *,
    state: StateOption,
    cert: Annotated[Path, typer.Option(help="Chain, PEM, leaf first.")],
    key: Annotated[Path, typer.Option(help="Its key, PEM, not encrypted.")],
    ca: Annotated[
        Path | None, typer.Option(help="Roots that clients are checked against.")
    ] = None,
    allow_namespace: Annotated[
        list[str],
        typer.Option(help="A namespace whose gateways may serve it too; repeatable."),
    ] = [],  # noqa: B006 - Typer reads it, nobody changes it
    namespace: HomeOption = "default",
) -> None:
    """Keep a certificate and its key under NAME, for Gateways' credentialName.

    The namespace is that of the gateway's proxies, istio-system in the demo.
    """
    wish = {
        "certificate": _text(cert),
        "key": _text(key),
        "ca": _text(ca) if ca else "",
        "allowedNamespaces": allow_namespace,
    }
    path = f"{SECRETS}/{namespace}/{name}"
    answer = connect(state).send("PUT", path, json.dumps(wish).encode())
    if not answer.ok:
        raise failed(answer)
    ends, names = answer.body["notAfter"], ", ".join(answer.body["names"])
    done = answer.outcome or "configured"
    typer.echo(f"secret/{name} {done} (for {names or 'no host'}, until {ends})")


@secrets.command("list")
def list_secrets(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """List the secrets of all namespaces: whom they are for, and until when."""
    answer = connect(state).get(SECRETS)
    if not answer.ok:
        raise failed(answer)
    rows = [
        [each["namespace"], each["name"], each["notAfter"], ",".join(each["names"])]
        for each in answer.body["items"]
    ]
    show(answer.body["items"], output, [["NAMESPACE", "NAME", "ENDS", "HOSTS"], *rows])


@secrets.command()
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME...")],
    *,
    state: StateOption,
    namespace: HomeOption = "default",
) -> None:
    """Forget secrets: gateways stop serving them."""
    galley = connect(state)
    for each in names:
        answer = galley.send("DELETE", f"{SECRETS}/{namespace}/{each}")
        if not answer.ok:
            raise failed(answer)
        typer.echo(f"secret/{each} deleted")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path}: {error}") from None
