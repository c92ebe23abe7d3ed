"""``meltemi cert``: the certificates that are out, and those that are denied."""

import json
from typing import Annotated, Any

import typer

from meltemi.ctl.citadel.connect import ask, citadel
from meltemi.ctl.galley.namespaces import expect_namespace
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption

SCHEME = "spiffe://"
EXIT_FAILURE = 1

certs = typer.Typer(help="Certificates: which are out, and which are denied.")

Namespace = Annotated[
    str, typer.Option("-n", "--namespace", help="Of one namespace; else of all.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(certs, name="cert")


@certs.command("list")
def list_certificates(
    *,
    state: StateOption,
    output: OutputOption = Output.TABLE,
    namespace: Namespace = "",
) -> None:
    """List the certificates that have not ended, the newest first."""
    server = citadel(state)
    items = ask(server, "GET", f"/v1/ca/certs?namespace={namespace}")["items"]
    if not items:
        expect_namespace(state, namespace)
    denied = {each["place"] for each in ask(server, "GET", "/v1/ca/revoke")["items"]}
    found = [each | {"denied": is_denied(each, denied)} for each in items]
    heading = ["SERIAL", "IDENTITY", "ISSUER", "ENDS", "BY", "STATE"]
    show(found, output, [heading, *map(_row, found)])


@certs.command("show")
def show_certificate(
    serial: Annotated[str, typer.Argument(metavar="SERIAL")],
    *,
    state: StateOption,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show all that is remembered of one certificate."""
    wanted = serial.lower().replace(":", "").lstrip("0")
    items = ask(citadel(state), "GET", "/v1/ca/certs")["items"]
    found = next((each for each in items if each["serial"] == wanted), None)
    if found is None:
        typer.echo(f"no certificate {serial} is out", err=True)
        raise typer.Exit(EXIT_FAILURE)
    show(found, output, [["FIELD", "VALUE"], *([k, str(v)] for k, v in found.items())])


@certs.command()
def revoke(
    which: Annotated[
        str, typer.Argument(metavar="SERIAL|IDENTITY", help="Or spiffe://….")
    ],
    *,
    state: StateOption,
    reason: Annotated[str, typer.Option(help="Why: kept with the denial.")] = "",
    lift: Annotated[
        bool, typer.Option("--lift", help="Take the denial back instead.")
    ] = False,
) -> None:
    """Deny a certificate, or a workload, from now on: it renews and is sent nothing."""
    server = citadel(state)
    if lift:
        ask(server, "DELETE", f"/v1/ca/revoke/{place_of(which)}")
        typer.echo(f"{which} is denied no more")
        return
    key = "identity" if which.startswith(SCHEME) else "serial"
    wish = {key: which, "reason": reason}
    ask(server, "POST", "/v1/ca/revoke", json.dumps(wish).encode())
    typer.echo(f"{which} is denied")


def place_of(which: str) -> str:
    """Return where a serial number or an identity stands on the deny list."""
    if not which.startswith(SCHEME):
        return f"serial/{which.lower().replace(':', '').lstrip('0')}"
    _, _, path = which.removeprefix(SCHEME).partition("/")
    words = path.split("/")
    if len(words) != 4:  # noqa: PLR2004 - ns NAMESPACE sa ACCOUNT
        raise typer.BadParameter(
            f"{which!r} is not spiffe://TD/ns/NAMESPACE/sa/ACCOUNT"
        )
    return f"identity/{words[1]}/{words[3]}"


def is_denied(item: dict[str, Any], places: set[str]) -> bool:
    """Tell whether a certificate, or whom it names, is on the deny list."""
    return bool({place_of(item["serial"]), place_of(item["identity"])} & places)


def _row(item: dict[str, Any]) -> list[str]:
    names = ("serial", "identity", "issuer", "not_after", "proof")
    return [*(item[name] for name in names), "DENIED" if item["denied"] else "good"]
