"""``meltemi ca``: whom the mesh believes."""

from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from meltemi.ctl.citadel.connect import ask, citadel
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.identity.certificate import parse_chain

ROTATION = "/v1/ca/rotation"

authority = typer.Typer(help="The authority: roots, and issuers of tokens.")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(authority, name="ca")


@authority.callback()
def sub_commands() -> None:
    """Look at the authority, and replace its root."""


@authority.command()
def status(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """Show the roots that workloads believe, how a rotation stands, and the issuers."""
    server = citadel(state)
    answer = server.send("GET", ROTATION)
    rotation = answer.body if answer.ok else None
    roots = [_root(each) for each in parse_chain(ask(server, "GET", "/v1/ca/bundle"))]
    issuers = ask(server, "GET", "/v1/ca/issuers")["items"]
    rows = [["WHAT", "NAME", "MORE"]]
    for root in roots:
        rows.append(["root", root["subject"], f"until {root['notAfter']}"])
        rows.append(["", "", f"sha256 {root['sha256']}"])
    rows += [
        ["issuer", each["issuer"], " ".join(each["audiences"])] for each in issuers
    ]
    if rotation:
        rows += rotation_rows(rotation)
    found = {"roots": roots, "issuers": issuers, "rotation": rotation}
    show(found, output, rows)


@authority.command("rotate-root")
def rotate_root(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """Begin to replace the root: distribute a new one, sign with it, retire the old."""
    _step(state, "", output)


@authority.command()
def taint(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """Leave a root whose key is known to others, without the usual waits."""
    _step(state, "/taint", output)


@authority.command()
def retire(
    *,
    state: StateOption,
    output: OutputOption = Output.TABLE,
    force: Annotated[
        bool, typer.Option(help="A tainted root, though certificates of it live.")
    ] = False,
) -> None:
    """Believe the old root no more, once nothing that it signed can be valid."""
    _step(state, "/retire?force=true" if force else "/retire", output)


@authority.command()
def abandon(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """Go back to the root that signed before the rotation."""
    _step(state, "/abandon", output)


def _step(state: Path, step: str, output: Output) -> None:
    rotation = ask(citadel(state), "POST", f"{ROTATION}{step}")
    show(rotation, output, [["WHAT", "NAME", "MORE"], *rotation_rows(rotation)])


def rotation_rows(rotation: dict[str, Any]) -> list[list[str]]:
    """Return how a rotation stands, as rows of the table."""
    held = "all connected proxies hold" if rotation["distributed"] else "not all hold"
    stays = f", at least until {rotation['earliest']}" if rotation["earliest"] else ""
    rows = [
        ["rotation", rotation["phase"], f"since {rotation['since']}{stays}"],
        ["bundle", rotation["bundle"], held],
    ]
    if rotation["phase"] != "STEADY":
        rows.append(["old", f"{rotation['living']} certificates", "have not ended"])
    for each in rotation["generations"]:
        taint = ", tainted" if each["tainted"] else ""
        number, life = each["generation"], each["notAfter"]
        rows.append(["root", f"generation {number}", f"{each['state']}{taint}, {life}"])
    return rows


def _root(root: x509.Certificate) -> dict[str, Any]:
    return {
        "subject": root.subject.rfc4514_string(),
        "serial": f"{root.serial_number:x}",
        "notBefore": f"{root.not_valid_before_utc:%FT%TZ}",
        "notAfter": f"{root.not_valid_after_utc:%FT%TZ}",
        "sha256": root.fingerprint(hashes.SHA256()).hex(),
    }
