"""``meltemi token``: the secrets that open doors."""

from typing import Annotated

import typer

from meltemi.ctl.galley.client import Galley, failed
from meltemi.ctl.galley.connect import running
from meltemi.ctl.state import StateOption

tokens = typer.Typer(help="Tokens: the admin's, and those that workloads join with.")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(tokens, name="token")


@tokens.command()
def admin(*, state: StateOption) -> None:
    """Print the token that writes to Galley need."""
    _, layout = running(state)
    typer.echo(layout.admin_token.read_text(encoding="utf-8").strip())


@tokens.command()
def create(
    *,
    state: StateOption,
    ns: Annotated[str, typer.Option("--ns", help="The workload's namespace.")],
    sa: Annotated[str, typer.Option("--sa", help="The workload's service account.")],
    ttl: Annotated[int, typer.Option(min=1, help="Seconds it is good for.")] = 600,
) -> None:
    """Print a one-time token for the first certificate of a workload."""
    import json  # noqa: PLC0415 - printing the admin token needs none of it

    _, layout = running(state)
    secret = layout.admin_token.read_text(encoding="utf-8").strip()
    citadel = Galley(f"http://{layout.at('citadel')}", secret)
    body = {"namespace": ns, "service_account": sa, "ttl_seconds": ttl}
    answer = citadel.send("POST", "/v1/ca/tokens", json.dumps(body).encode())
    if not answer.ok:
        raise failed(answer)
    typer.echo(answer.body["token"])
