"""``meltemi token``: the secrets that open doors."""

import json
from typing import Annotated, Any

import typer

from meltemi.ctl.citadel import workload_token
from meltemi.ctl.galley.client import Galley, failed
from meltemi.ctl.galley.connect import connect, running
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption

TOKENS = "/api/v1/tokens"
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
JOIN_SECONDS = 600

tokens = typer.Typer(help="Tokens: the admin's, people's, and those to join with.")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(tokens, name="token")


@tokens.command()
def admin(*, state: StateOption) -> None:
    """Print the token of the local mesh's administrators."""
    _, layout = running(state)
    typer.echo(layout.admin_token.read_text(encoding="utf-8").strip())


@tokens.command()
def create(  # noqa: PLR0913 - Typer reads the signature
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Who it is for, in the audit.")
    ] = "",
    *,
    state: StateOption,
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="VERBS:NAMESPACES[:KINDS]",
            help="What it is good for: read:*, or write:NS:EnvoyFilter.",
        ),
    ] = [],  # noqa: B006 - Typer reads it, nobody changes it
    ns: Annotated[str, typer.Option("--ns", help="A workload's namespace.")] = "",
    sa: Annotated[str, typer.Option("--sa", help="Its service account.")] = "",
    cidr: workload_token.NetworkOption = "",
    node: workload_token.NodeOption = "",
    once: workload_token.OnceOption = True,
    ttl: Annotated[str, typer.Option(help="How long it is good: 600, 12h, 90d.")] = "",
) -> None:
    """Print a new token: NAME --scope for Galley, or --ns --sa for a workload.

    A workload's is good for one certificate, or with --many for as many as it asks for
    within its time. Galley's is good within its scopes, and only an EnvoyFilter, a
    WasmPlugin or the root namespace that is named is in them.
    """
    bound = bool(cidr or node or not once)
    if name and scope and not (ns or sa or bound):
        life = {"ttlSeconds": seconds(ttl)} if ttl else {}
        wish = {"name": name, "scopes": [scope_of(each) for each in scope], **life}
        typer.echo(_made(connect(state), TOKENS, wish))
    elif ns and sa and not name and not scope:
        wish = {
            "namespace": ns,
            "service_account": sa,
            "ttl_seconds": seconds(ttl) if ttl else JOIN_SECONDS,
            "once": once,
            "cidr": cidr,
            "node": node,
        }
        typer.echo(workload_token.create(state, wish))
    else:
        raise typer.BadParameter(
            "say NAME --scope VERBS:NAMESPACES[:KINDS], or --ns NAMESPACE --sa ACCOUNT"
        )


@tokens.command("list")
def list_tokens(
    *,
    state: StateOption,
    output: OutputOption = Output.TABLE,
    workloads: Annotated[
        bool, typer.Option("--workloads", help="Citadel's, which workloads join with.")
    ] = False,
) -> None:
    """List Galley's tokens, or the workloads': what they are good for, until when."""
    if workloads:
        workload_token.show_all(state, output)
        return
    answer = connect(state).get(TOKENS)
    if not answer.ok:
        raise failed(answer)
    names = ("id", "name", "created", "expires")
    rows = [
        [*(each[name] for name in names), " ".join(map(scope_text, each["scopes"]))]
        for each in answer.body["items"]
    ]
    heading = [*(name.upper() for name in names), "SCOPES"]
    show(answer.body["items"], output, [heading, *rows])


@tokens.command()
def revoke(
    ids: Annotated[list[str], typer.Argument(metavar="ID...")], *, state: StateOption
) -> None:
    """Make tokens worthless from now on, Galley's or workloads'."""
    for each in ids:
        if workload_token.ID.fullmatch(each):
            workload_token.revoke(state, each)
        else:
            _revoke(connect(state), each)
        typer.echo(f"token/{each} revoked")


def scope_of(text: str) -> dict[str, list[str]]:
    """Return the scope that ``VERBS:NAMESPACES[:KINDS]`` spells.

    Raises:
        typer.BadParameter: If it is not one.

    """
    parts = [[word for word in part.split(",") if word] for part in text.split(":")]
    if len(parts) == 2:  # noqa: PLR2004 - VERBS and NAMESPACES
        parts.append(["*"])
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004 - and KINDS
        raise typer.BadParameter(
            f"{text!r} is no scope: expected VERBS:NAMESPACES[:KINDS], as in "
            "read,write:a or create:istio-system:EnvoyFilter"
        )
    verbs, namespaces, kinds = parts
    return {"verbs": verbs, "kinds": kinds, "namespaces": namespaces}


def scope_text(scope: dict[str, list[str]]) -> str:
    """Return a scope as people write it."""
    names = ("verbs", "namespaces", "kinds")
    return ":".join(",".join(scope[name]) for name in names)


def seconds(text: str) -> int:
    """Return how many seconds ``600``, ``10m``, ``12h`` or ``90d`` are.

    Raises:
        typer.BadParameter: If it is no such time.

    """
    unit = UNITS.get(text[-1:], 0)
    number = text[:-1] if unit else text
    if not (number.isascii() and number.isdecimal() and int(number)):
        raise typer.BadParameter(f"{text!r} is no time: 600, 10m, 12h, 90d")
    return int(number) * (unit or 1)


def _revoke(galley: Galley, number: str) -> None:
    answer = galley.send("DELETE", f"{TOKENS}/{number}")
    if not answer.ok:
        raise failed(answer)


def _made(server: Galley, path: str, wish: dict[str, Any]) -> str:
    answer = server.send("POST", path, json.dumps(wish).encode())
    if not answer.ok:
        raise failed(answer)
    return str(answer.body["token"])
