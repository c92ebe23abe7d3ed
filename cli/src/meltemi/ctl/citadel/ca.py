"""``meltemi ca``: whom the mesh believes."""

from typing import Any

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from meltemi.ctl.citadel.connect import ask, citadel
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.identity.certificate import parse_chain

authority = typer.Typer(help="The authority: roots, and issuers of tokens.")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(authority, name="ca")


@authority.callback()
def sub_commands() -> None:
    """Look at the authority."""


@authority.command()
def status(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """Show the roots that workloads believe, and the issuers whose tokens count."""
    server = citadel(state)
    roots = [_root(each) for each in parse_chain(ask(server, "GET", "/v1/ca/bundle"))]
    issuers = ask(server, "GET", "/v1/ca/issuers")["items"]
    rows = [["WHAT", "NAME", "MORE"]]
    for root in roots:
        rows.append(["root", root["subject"], f"until {root['notAfter']}"])
        rows.append(["", "", f"sha256 {root['sha256']}"])
    rows += [
        ["issuer", each["issuer"], " ".join(each["audiences"])] for each in issuers
    ]
    show({"roots": roots, "issuers": issuers}, output, rows)


def _root(root: x509.Certificate) -> dict[str, Any]:
    return {
        "subject": root.subject.rfc4514_string(),
        "serial": f"{root.serial_number:x}",
        "notBefore": f"{root.not_valid_before_utc:%FT%TZ}",
        "notAfter": f"{root.not_valid_after_utc:%FT%TZ}",
        "sha256": root.fingerprint(hashes.SHA256()).hex(),
    }
