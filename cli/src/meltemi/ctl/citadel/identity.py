"""``meltemi identity``: who a workload is, and what stands behind that."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from meltemi.ctl.citadel.cert import SCHEME, is_denied, place_of
from meltemi.ctl.citadel.connect import ask, citadel
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.local.plan import TRUST_DOMAIN
from meltemi.ctl.output import (
    DEFAULT_NAMESPACE,
    NamespaceOption,
    Output,
    OutputOption,
    show,
)
from meltemi.ctl.state import StateOption

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.ctl.galley.client import Galley

ENTRIES = "/apis/networking.istio.io/v1/namespaces/{}/workloadentries/{}"
NOTHING = "-"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(identity)


def identity(
    who: Annotated[
        str,
        typer.Argument(
            metavar="WORKLOAD|ACCOUNT|spiffe://…",
            help="A WorkloadEntry, a service account, or an identity.",
        ),
    ],
    *,
    state: StateOption,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "",
) -> None:
    """Show a workload's identity: certificates, registration entries, denials."""
    name = spiffe_id(state, who, namespace or DEFAULT_NAMESPACE)
    found = known_of(citadel(state), name)
    if not (found["denied"] or found["entries"] or found["certificates"]):
        typer.echo(
            f"nothing is known of {name}: no certificate, entry or denial; "
            "meltemi cert list shows who has certificates",
            err=True,
        )
        raise typer.Exit(1)
    show(found, output, list(rows(found)))


def spiffe_id(state: "Path", who: str, namespace: str) -> str:
    """Return the identity that ``who`` names: a workload's, or an account's."""
    if who.startswith(SCHEME):
        return who
    answer = connect(state).get(ENTRIES.format(namespace, who))
    account = answer.body["spec"].get("serviceAccount", "") if answer.ok else who
    return f"{SCHEME}{TRUST_DOMAIN}/ns/{namespace}/sa/{account or 'default'}"


def known_of(server: "Galley", name: str) -> dict[str, Any]:
    """Return what Citadel knows of an identity."""
    _, space, account = place_of(name).split("/")
    denials = ask(server, "GET", "/v1/ca/revoke")["items"]
    places = {each["place"] for each in denials}
    certificates = ask(server, "GET", f"/v1/ca/certs?identity={name}")["items"]
    mine = {"namespace": space, "service_account": account}
    return {
        "identity": name,
        "denied": place_of(name) in places,
        "entries": [
            each
            for each in ask(server, "GET", "/v1/ca/entries")["items"]
            if mine.items() <= each.items()
        ],
        "certificates": [
            each | {"denied": is_denied(each, places)} for each in certificates
        ],
    }


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return it for people, a row a fact."""
    made = [
        ["IDENTITY", found["identity"]],
        ["DENIED", "yes" if found["denied"] else "no"],
    ]
    for each in found["entries"] or [None]:
        text = NOTHING
        if each is not None:
            text = f"{each['name']} ({'enabled' if each['enabled'] else 'DISABLED'})"
        made.append(["ENTRY", text])
    for each in found["certificates"] or [None]:
        text = NOTHING
        if each is not None:
            text = f"{each['serial']} of {each['issuer']} until {each['not_after']}"
            text += " DENIED" if each["denied"] else ""
        made.append(["CERTIFICATE", text])
    return made
